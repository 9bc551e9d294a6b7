/// Runs that differ in their seed alone, as their names say: one row of a table.
struct SeedGroup {
  let name: String
  /// Positions of its members among the names, in the order given.
  private(set) var members: [Int]

  /// `NAME-seed1`, `NAME-seed2`, ... belong together, under `NAME`; in the order of their first.
  static func all(of names: [String]) -> [SeedGroup] {
    var groups: [SeedGroup] = []
    for (index, own) in names.enumerated() {
      let name = own.replacing(/-seed[0-9]+$/, with: "")
      if name != own, let known = groups.firstIndex(where: { $0.name == name }) {
        groups[known].members.append(index)
      } else {
        groups.append(SeedGroup(name: name, members: [index]))
      }
    }
    return groups
  }
}
