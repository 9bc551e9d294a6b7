import Foundation

/// Fixed sine-cosine embeddings of positions, with frequencies 10000^(-k / (width / 2)), k < width
/// / 2.
public enum SinusoidalEmbedding {
  /// Embeds each position in `Double`, sines first. Shapes: [positions.count, width].
  /// - Precondition: `width` is even.
  public static func sineFirst(_ positions: [Double], width: Int) -> NDArray {
    NDArray(
      positions.flatMap { sineFirst($0, width: width).map { Float($0) } },
      shape: [positions.count, width])
  }

  /// Embeds each position in `Float`, cosines first, as diffusion time steps commonly are: at large
  /// positions the angles' rounding shows in the result, and checkpoints were trained with it.
  /// Shapes: [positions.count, width].
  /// - Precondition: `width` is even.
  public static func cosineFirst(_ positions: [Float], width: Int) -> NDArray {
    precondition(width % 2 == 0, "a sinusoidal embedding needs an even width, found \(width)")
    let half = width / 2
    let frequencies = (0..<half).map { expf(-Float(log(10000.0)) * Float($0) / Float(half)) }
    let values = positions.flatMap { position in
      frequencies.map { cosf(position * $0) } + frequencies.map { sinf(position * $0) }
    }
    return NDArray(values, shape: [positions.count, width])
  }

  /// Embeds the cells of a grid, row by row: the first half of the channels encodes the column, the
  /// second the row, each sine first. Shapes: [rows · columns, width].
  /// - Precondition: `width` is a multiple of 4.
  public static func grid(rows: Int, columns: Int, width: Int) -> NDArray {
    precondition(width % 4 == 0, "a grid embedding needs a width divisible by 4, found \(width)")
    let cells = (0..<rows).flatMap { i in
      (0..<columns).flatMap { j in
        sineFirst(Double(j), width: width / 2) + sineFirst(Double(i), width: width / 2)
      }
    }
    return NDArray(cells.map { Float($0) }, shape: [rows * columns, width])
  }

  private static func sineFirst(_ position: Double, width: Int) -> [Double] {
    precondition(width % 2 == 0, "a sinusoidal embedding needs an even width, found \(width)")
    let angles = (0..<width / 2).map { position * pow(10000, -Double($0) / Double(width / 2)) }
    return angles.map { sin($0) } + angles.map { cos($0) }
  }
}
