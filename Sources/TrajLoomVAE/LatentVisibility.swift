import Autograd

/// Visibility on latent time: a latent is visible if its token is visible in any of frames [stride
/// k, stride (k + 1)); the last one sees the frames that are left (`make_latent_vis_mask` in
/// zewei-Zhang/TrajLoom).
///
/// - Parameter visibility: 0 or 1, [B, T, N].
/// - Returns: 0 or 1, [B, ceil(T / stride), N].
public func latentVisibility(_ visibility: NDArray, stride: Int) -> NDArray {
  let (batch, frames, tokens) = (visibility.shape[0], visibility.shape[1], visibility.shape[2])
  let latents = (frames + stride - 1) / stride
  let padding = NDArray.zeros(
    [batch, latents * stride - frames, tokens], device: visibility.device)
  let padded = concatenated([Tensor(visibility), Tensor(padding)], axis: 1)
  let seen = padded.reshaped([batch, latents, stride, tokens]).sum([2])
  return (1 - relu(1 - seen)).array
}
