import Training
import TrajLoomVAE

extension Checkpoint {
  /// The statistics that came with the weights; nil where none are needed, as for a VAE.
  /// - Throws: `ConfigError`, `TrainingError.checkpoint`
  func attachedStatistics() throws -> LatentStatistics? {
    let name = LatentCache.statisticsFile
    guard try hasAttachment(name) else { return nil }
    return try LatentStatistics(json: attachment(name), source: "\(path)/\(name)")
  }
}
