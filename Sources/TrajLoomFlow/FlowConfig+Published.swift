extension FlowConfig {
  /// The published generator: 244.5 million parameters, video and text precomputed.
  public static let published = FlowConfig(
    latentChannels: 16, numFramesLatent: 21, inputHeight: 480, inputWidth: 832, patchSize: 32,
    hiddenSize: 768, numHeads: 12, depth: 16, mlpRatio: 4, dropout: 0, videoLatentChannels: 16,
    useVideoCond: true, videoSource: .precomputed, textEmbedDim: 4096, useTextCond: true,
    textSource: .precomputed, numFramesIn: 81, latentTimeStride: 4, useOverlap: false,
    temporalFirst: true, spatialCtxMode: .pooledLast, spatialCtxPool: 1, spatialCtxLastK: 1,
    spatialCtxIncludeVideo: true, videoCtxMode: .concat, trackFusion: .addLastPlusVel,
    trackFusionScaleInit: 0.1, trackFusionUseTimeGate: true, videoFusion: .none,
    videoFusionScaleInit: 0.05, useHistVisCond: true, histVisScaleInit: 1,
    useContinuationCond: false, posEmbedInit: .normal, prediction: .velocity)
}
