/// Where a batch stands in a run. Everything random about a batch is a function of the seed and of
/// its place alone, so that a run cut off and resumed, or spread over processes, is the same run.
public struct BatchPlace: Sendable, Equatable {
  /// The number of the global batch since the start of the run; with gradient accumulation every
  /// micro-batch counts.
  public let number: Int
  /// Which of the global batch's slots these samples fill: all of them in a single process.
  public let slots: Range<Int>

  public init(number: Int, slots: Range<Int>) {
    self.number = number
    self.slots = slots
  }
}
