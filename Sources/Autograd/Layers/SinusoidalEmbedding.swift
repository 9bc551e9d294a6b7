import Foundation

/// Fixed sine-cosine embeddings of positions, with frequencies 10000^(-k / (width / 2)), k < width / 2.
public enum SinusoidalEmbedding {
  /// Which half of the channels comes first. The published VAE and generator differ.
  public enum Order: Sendable {
    case sineFirst
    case cosineFirst
  }

  /// Embeds each position. Shapes: [positions.count, width].
  /// - Precondition: `width` is even.
  public static func table(_ positions: [Double], width: Int, order: Order) -> NDArray {
    NDArray(
      positions.flatMap { row($0, width: width, order: order).map { Float($0) } },
      shape: [positions.count, width])
  }

  /// Embeds the cells of a grid, row by row: the first half of the channels encodes the column, the second the row, each
  /// sine first. Shapes: [rows · columns, width].
  /// - Precondition: `width` is a multiple of 4.
  public static func grid(rows: Int, columns: Int, width: Int) -> NDArray {
    precondition(width % 4 == 0, "a grid embedding needs a width divisible by 4, found \(width)")
    let cells = (0..<rows).flatMap { i in
      (0..<columns).flatMap { j in
        row(Double(j), width: width / 2, order: .sineFirst)
          + row(Double(i), width: width / 2, order: .sineFirst)
      }
    }
    return NDArray(cells.map { Float($0) }, shape: [rows * columns, width])
  }

  private static func row(_ position: Double, width: Int, order: Order) -> [Double] {
    precondition(width % 2 == 0, "a sinusoidal embedding needs an even width, found \(width)")
    let angles = (0..<width / 2).map { position * pow(10000, -Double($0) / Double(width / 2)) }
    let (sines, cosines) = (angles.map { sin($0) }, angles.map { cos($0) })
    return order == .sineFirst ? sines + cosines : cosines + sines
  }
}
