import Autograd
import Foundation
import TestSupport
import Testing

/// The parameters `param0.*` of an optimiser file.
private struct Parameters: Module {
  let values: [Parameter]
}

private func model(_ golden: GoldenFile, _ names: [String], _ device: Device) throws -> Parameters {
  Parameters(
    values: try names.map {
      Parameter(wrappedValue: Tensor(try golden.array("param0.\($0)", on: device)))
    })
}

private func parameterNames(_ golden: GoldenFile) -> [String] {
  golden.names.filter { $0.hasPrefix("param0.") }.map { String($0.dropFirst("param0.".count)) }
}

/// Row `step` of [steps, ...].
private func row(_ array: NDArray, _ step: Int) -> NDArray {
  Tensor(array).sliced(axis: 0, step..<step + 1).array.reshaped(Array(array.shape.dropFirst()))
}

private func expectClose(
  _ actual: NDArray, _ expected: NDArray, relative: Float, absolute: Float, _ what: String
) {
  for (a, b) in zip(actual.scalars, expected.scalars) {
    #expect(abs(a - b) <= relative * abs(b) + absolute, "\(what): \(a), expected \(b)")
  }
}

@Test(arguments: GoldenFolder.files(with: "param0.a", "wd0.0.param.a"), [Device.cpu, .reference])
func adamWSteps(_ golden: GoldenFile, _ device: Device) throws {
  let config = try golden.metadata()
  let betas = try #require(config["betas"] as? [Double])
  let names = parameterNames(golden)
  let decays = Set(
    golden.names.compactMap { name in
      name.range(of: ".param.").map { String(name[..<$0.lowerBound]) }
    })
  for decay in decays.sorted() {
    let weightDecay = try #require(Double(decay.dropFirst(2)))
    let model = try model(golden, names, device)
    var optimizer = AdamW(
      beta1: betas[0], beta2: betas[1], epsilon: config["eps"] as! Double,
      weightDecay: weightDecay)
    for step in 0..<(config["steps"] as! Int) {
      let gradient = Dictionary(
        uniqueKeysWithValues: try names.enumerated().map { index, name in
          ("values.\(index)", row(try golden.array("grad.\(name)", on: device), step).on(device))
        })
      optimizer.update(model, along: gradient, learningRate: config["lr"] as! Double)
      for (index, name) in names.enumerated() {
        expectClose(
          model.values[index].wrappedValue.array,
          row(try golden.array("\(decay).param.\(name)"), step), relative: 1e-6, absolute: 1e-7,
          "\(golden) \(decay) \(name) step \(step) on \(device)")
      }
    }
    for (index, name) in names.enumerated() {
      let state = optimizer.state()
      for moment in ["exp_avg", "exp_avg_sq"] {
        expectClose(
          state["\(moment).values.\(index)"]!, try golden.array("\(decay).\(moment).\(name)"),
          relative: 1e-6, absolute: 1e-7, "\(golden) \(decay) \(moment) \(name)")
      }
    }
  }
}

@Test(arguments: GoldenFolder.files(with: "above.total_norm"))
func gradientClipping(_ golden: GoldenFile) throws {
  let maximum = Float(try golden.metadata()["max_norm"] as! Double)
  let cases = golden.names.filter { $0.hasSuffix(".total_norm") }.map { $0.dropLast(11) }
  for prefix in cases {
    var gradient = try golden.arrays(under: "\(prefix).grad_in.")
    let norm = clip(&gradient, toNorm: maximum)
    expectClose(
      norm, try golden.values("\(prefix).total_norm")[0], within: 1e-6, "\(golden) \(prefix) norm")
    for (name, clipped) in gradient {
      expectClose(
        clipped, try golden.array("\(prefix).grad_out.\(name)"), relative: 1e-6, absolute: 0,
        "\(golden) \(prefix) \(name)")
    }
  }
}

@Test(arguments: GoldenFolder.files(with: "lr_primary"))
func learningRates(_ golden: GoldenFile) throws {
  let config = try golden.metadata()
  let schedule = LearningRateSchedule.cosine(
    warmup: config["warmup"] as! Int, total: config["total"] as! Int,
    minimum: config["min_lr"] as! Double)
  for (step, expected) in zip(try golden.values("step"), try golden.values("lr_primary")) {
    let rate = schedule.rate(base: config["base_lr"] as! Double, step: Int(step))
    #expect(
      abs(rate - expected) <= 1e-12 * expected, "\(golden) step \(step): \(rate), \(expected)")
  }
}

@Test(arguments: GoldenFolder.files(with: "param_seq"))
func movingAverages(_ golden: GoldenFile) throws {
  let sequence = try golden.array("param_seq")
  for name in golden.names where name.hasPrefix("ema.") {
    let decay = try #require(Double(name.dropFirst(4).replacingOccurrences(of: "warm", with: "")))
    let model = Parameters(values: [Parameter(wrappedValue: Tensor(try golden.array("param0")))])
    var average = ExponentialMovingAverage(
      of: model, decay: decay, warmsUp: name.contains("warm"))
    for step in 0..<sequence.shape[0] {
      model.values[0].wrappedValue = Tensor(row(sequence, step))
      average.update(model)
      expectClose(
        average.averages["values.0"]!, row(try golden.array(name), step), relative: 1e-6,
        absolute: 1e-7, "\(golden) \(name) step \(step)")
    }
  }
}

@Test(arguments: GoldenFolder.files(with: "param0.a", "ema.a", "lr"))
func scheduleClipAdamWAverage(_ golden: GoldenFile) throws {
  let config = try golden.metadata()
  func number(_ key: String) -> Double { (config[key] as! NSNumber).doubleValue }
  let names = parameterNames(golden)
  let model = try model(golden, names, .cpu)
  var optimizer = AdamW(weightDecay: number("weight_decay"))
  var average = ExponentialMovingAverage(of: model, decay: number("ema"))
  let schedule = LearningRateSchedule.cosine(
    warmup: Int(number("warmup")), total: Int(number("total")), minimum: number("min_lr"))
  for (step, rate) in try golden.values("lr").enumerated() {
    var gradient = Dictionary(
      uniqueKeysWithValues: try names.enumerated().map { index, name in
        ("values.\(index)", row(try golden.array("grad.\(name)"), step))
      })
    let norm = clip(&gradient, toNorm: Float(number("max_norm")))
    expectClose(norm, try golden.values("grad_norm")[step], within: 2e-6, "\(golden) norm \(step)")
    let own = schedule.rate(base: number("base_lr"), step: step)
    #expect(abs(own - rate) <= 1e-12 * rate)
    optimizer.update(model, along: gradient, learningRate: own)
    average.update(model)
  }
  for (index, name) in names.enumerated() {
    expectClose(
      model.values[index].wrappedValue.array, try golden.array("param.\(name)"), relative: 2e-6,
      absolute: 1e-7, "\(golden) param.\(name)")
    expectClose(
      average.averages["values.\(index)"]!, try golden.array("ema.\(name)"), relative: 2e-6,
      absolute: 1e-7, "\(golden) ema.\(name)")
  }
}
