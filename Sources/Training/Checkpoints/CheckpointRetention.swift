/// Which checkpoints a run keeps.
struct CheckpointRetention {
  /// The newest ones, at least 2: the one before serves when the newest is damaged.
  let last: Int
  /// Those of every so many steps, too; 0 for none.
  let every: Int
  /// The step of the best one, too.
  let best: Int?

  /// The steps whose checkpoints go.
  func removed(of steps: [Int]) -> [Int] {
    steps.sorted().dropLast(last).filter { step in
      step != best && !(every > 0 && step.isMultiple(of: every))
    }
  }
}
