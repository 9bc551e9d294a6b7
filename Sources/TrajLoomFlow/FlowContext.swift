import Autograd

/// What the generator is told about a batch of clips. Absent conditions are absent, not zero,
/// unless noted.
public struct FlowConditions {
  /// Scaled history latents, [B, L, N, C].
  public var history: Tensor
  /// Visibility on latent time, [B, L, N]. Nil counts as invisible everywhere, as published: a
  /// model that was trained with visibility must be sampled with it.
  public var historyVisibility: Tensor?
  /// Video latents [B, L, N, Cv], nil counts as zeros; or, for the `patch` source, frames [B, T,
  /// H/4, W/4, 3] in [0, 1].
  public var video: Tensor?
  /// Pooled text embedding, [B, E].
  public var text: Tensor?
  /// Scaled latents of the history's continuation, [B, L, N, C]: what a predicted endpoint is
  /// counted from, and what a generator with `use_continuation_cond` has to be given. Nil counts
  /// endpoints from zero.
  public var continuation: Tensor?

  public init(
    history: Tensor, historyVisibility: Tensor? = nil, video: Tensor? = nil, text: Tensor? = nil,
    continuation: Tensor? = nil
  ) {
    self.history = history
    self.historyVisibility = historyVisibility
    self.video = video
    self.text = text
    self.continuation = continuation
  }
}

/// Everything that depends on the conditions and not on the noisy latents or the flow time.
/// Computed once for all ODE steps and all on-policy steps.
public struct FlowContext {
  /// Where the tokens stand, [B or 1, 1, N, D].
  let positions: Tensor
  /// What track and video fusion add to the query tokens, [B, L, N, D]; nil without fusion.
  let fusion: Tensor?
  /// What a predicted endpoint is counted from, [B, L, N, C]; nil for zero.
  let origin: Tensor?
  /// The condition vector without its time term, [B, D].
  let condition: Tensor
  /// Per block, its keys and values of the context: each token's own history [B, S, N, 2D] for
  /// blocks over time, the spatial context [B, S', 2D], if there is one, for blocks over space.
  let keysValues: [Tensor?]
}
