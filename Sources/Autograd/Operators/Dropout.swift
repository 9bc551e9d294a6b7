/// `x` with each element set to 0 with the given probability and the others scaled by
/// 1 / (1 - probability), so that the expectation stays (Srivastava et al., JMLR 15, 2014).
///
/// The mask is a function of (seed, stream, step, sample, index) alone; sample b is row b of the
/// first axis. A probability of 0 returns `x` itself.
///
/// - Parameters:
///   - stream: the generator of the mask. Two uses in one model need two streams.
///   - step: the training step.
///   - firstSample: the number of the batch's first sample.
/// - Precondition: 0 <= probability < 1, and `x` has an axis of samples.
public func dropout(
  _ x: Tensor, probability: Float, _ stream: Philox, step: Int, firstSample: Int = 0
) -> Tensor {
  precondition(
    (0..<1).contains(probability) && x.rank >= 1,
    "dropout: probability \(probability) for x \(x.shape)")
  guard probability > 0 else { return x }
  let draws = Tensor(stream.uniform(x.shape, step: step, firstSample: firstSample).on(x.device))
  return x * ((draws .>= probability) / (1 - probability))
}
