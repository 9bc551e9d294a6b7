import Training
import TrajLoomVAE

extension Checkpoint {
  /// The statistics of the latents that a generator or a visibility head was trained on.
  /// - Throws: `ConfigError`, `TrainingError.checkpoint`
  func latentStatistics() throws -> LatentStatistics {
    let name = LatentCache.statisticsFile
    return try LatentStatistics(json: attachment(name), source: "\(path)/\(name)")
  }

  /// The statistics that came with the weights; nil where none are needed, as for a VAE.
  /// - Throws: `ConfigError`, `TrainingError.checkpoint`
  func attachedStatistics() throws -> LatentStatistics? {
    try hasAttachment(LatentCache.statisticsFile) ? latentStatistics() : nil
  }
}
