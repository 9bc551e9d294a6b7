import Testing

@testable import TrajLoomBench

@Suite struct FieldEnergiesTests {
  // Columns 8 px apart, rows 4 px.
  private let places: [SIMD2<Float>] = (0..<12).map { [8 * Float($0 % 4), 4 * Float($0 / 4)] }

  /// Flow (0.5 x - 0.25 y, 0.125 x + y) in every frame: |du/dx| + |dv/dx| = 0.625 and
  /// |du/dy| + |dv/dy| = 1.25; divergence 1.5, curl 0.375.
  private func linear(hidden: Set<[Int]> = []) -> PointTracks {
    tracks(frames: 0..<3, hidden: hidden) { time in
      places.map { place in
        let u = 0.5 * place.x - 0.25 * place.y
        let v = 0.125 * place.x + place.y
        return (place.x + time * u, place.y + time * v)
      }
    }
  }

  private func energies(
    _ tracks: PointTracks, seenIn truth: PointTracks? = nil, places: [SIMD2<Float>]? = nil
  ) throws -> FieldEnergies {
    var energies = FieldEnergies()
    let grid = try #require(PointGrid(queryPoints: places ?? self.places))
    energies.add(tracks, seenIn: truth ?? tracks, grid: grid)
    return energies
  }

  @Test func aLinearField() throws {
    let found = try energies(linear())
    #expect(found.flowSmoothTV == 0.625 + 1.25)
    #expect(found.divCurlEnergy == 1.5 * 1.5 + 0.375 * 0.375)
  }

  @Test func theOrderOfPointsIsThatOfTheGrid() throws {
    let order = shuffled(12, seed: 2)
    let found = try energies(linear().reordered(order), places: order.map { places[$0] })
    #expect(found.flowSmoothTV == 1.875 && found.divCurlEnergy == 2.390625)
  }

  @Test func standingStillHasNone() throws {
    let still = linear().mapped { _, point, _ in places[point] }
    let found = try energies(still)
    #expect(found.flowSmoothTV == 0 && found.divCurlEnergy == 0)
  }

  /// Point 5 is thrown far away, but hidden in frame 1, and so in both flows.
  @Test func hiddenPointsDoNotCount() throws {
    let thrown = linear().mapped { frame, point, place in
      point == 5 && frame == 1 ? SIMD2(9000, .nan) : place
    }
    let found = try energies(thrown, seenIn: linear(hidden: [[1, 5]]))
    #expect(found.flowSmoothTV == 1.875 && found.divCurlEnergy == 2.390625)
    let visible = linear().mapped { frame, point, place in
      point == 5 && frame == 1 ? SIMD2(9000, 0) : place
    }
    let seen = try energies(visible)
    #expect(seen.flowSmoothTV ?? 0 > 100)
  }

  /// Only one row of points is ever seen: pairs in the row alone, no cell.
  @Test func whatCannotBeSeenIsLeftOut() throws {
    let others = (0..<3).flatMap { frame in (4..<12).map { [frame, $0] } }
    let row = try energies(linear(hidden: Set(others)))
    #expect(row.flowSmoothTV == 0.625 && row.divCurlEnergy == nil)
    let column = (0..<3).flatMap { frame in (0..<12).filter { $0 % 4 != 0 }.map { [frame, $0] } }
    let down = try energies(linear(hidden: Set(column)))
    #expect(down.flowSmoothTV == 1.25 && down.divCurlEnergy == nil)
    let nothing = (0..<12).map { [1, $0] }
    let none = try energies(linear(hidden: Set(nothing)))
    #expect(none.flowSmoothTV == nil && none.divCurlEnergy == nil)
    #expect(FieldEnergies().flowSmoothTV == nil)
  }

  /// Each clip counts once, however many of its points are seen.
  @Test func clipsAreAveraged() throws {
    var energies = FieldEnergies()
    let grid = try #require(PointGrid(queryPoints: places))
    let others = (0..<3).flatMap { frame in (4..<12).map { [frame, $0] } }
    energies.add(linear(), seenIn: linear(), grid: grid)
    energies.add(linear(), seenIn: linear(hidden: Set(others)), grid: grid)
    #expect(energies.flowSmoothTV == (1.875 + 0.625) / 2)
    #expect(energies.divCurlEnergy == 2.390625)
  }
}
