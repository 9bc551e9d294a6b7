import Autograd
import DataPipeline
import Training
import TrajLoomVAE

/// Training of the visibility head on true latents, history and future.
public struct VisibilityObjective: Objective {
  public let model: VisibilityPredictor
  private let scaling: LatentScaling
  private let positiveWeight: Float

  public init(_ model: VisibilityPredictor, _ scaling: LatentScaling, positiveWeight: Float) {
    self.model = model
    self.scaling = scaling
    self.positiveWeight = positiveWeight
  }

  public func loss(_ batch: LatentBatch, at place: BatchPlace) -> (loss: Tensor, terms: [Term]) {
    let history = Tensor(scaling.scale(batch.zHistory))
    func loss(_ latents: NDArray, _ visibility: NDArray) -> Tensor {
      model.loss(
        future: Tensor(scaling.scale(latents)), history: history, visibility: visibility,
        positiveWeight: positiveWeight)
    }
    let future = loss(batch.zFuture, batch.futureVisibility)
    // With the last history latent as an input, a history segment would not be a fair example.
    guard !model.config.useHistLast else { return (future, [Term("bce", future.array.item)]) }
    let total = (future + loss(batch.zHistory, batch.historyVisibility)) / 2
    return (total, [Term("bce", total.array.item)])
  }

  /// Cross-entropy and accuracy over future tokens.
  public func evaluate(_ batch: LatentBatch, index: Int) -> [PooledMetric] {
    let logits = model(
      Tensor(scaling.scale(batch.zFuture)), history: Tensor(scaling.scale(batch.zHistory)))
    let target = Tensor(batch.futureVisibility)
    let count = Double(target.array.count)
    let loss = binaryCrossEntropy(logits: logits, target).sum().array.item
    let correct = zip(logits.array.scalars, target.array.scalars).count { ($0 > 0) == ($1 > 0.5) }
    return [
      PooledMetric("bce", sum: Double(loss), count: count),
      PooledMetric("accuracy", sum: Double(correct), count: count),
    ]
  }

  public var monitored: [String] { ["bce"] }

  public func clips(_ batch: LatentBatch) -> [String] { batch.clips }
}
