extension VAEConfig {
  /// The published model: 106.7 million parameters, 81 frames of 480 x 832.
  public static let published = VAEConfig(
    encoding: .pixel, encoderDepth: 16, decoderDepth: 16, hiddenSize: 512, numHeads: 8,
    mlpRatio: 4, patchSize: 32, inChannels: 2, latentChannels: 16, inputHeight: 480,
    inputWidth: 832, numFramesIn: 81, numFramesLatent: 21, useTempCompress: true, tempStride: 4,
    useOffsets: true, learnSigma: false, beta: 5e-5, posEmbedDim: 64)
}
