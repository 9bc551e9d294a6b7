// swift-tools-version: 6.0
import PackageDescription

// Library products carry no unsafe flags, so that they stay usable as dependencies. Native code
// comes from the build command: `swift build -c release -Xcc -march=native` (see the Makefile).
let package = Package(
  name: "trajloom",
  products: [
    .library(name: "Autograd", targets: ["Autograd"]),
    .library(name: "DataPipeline", targets: ["DataPipeline"]),
    .library(name: "TrajLoomVAE", targets: ["TrajLoomVAE"]),
    .library(name: "TrajLoomFlow", targets: ["TrajLoomFlow"]),
    .executable(name: "trajloom", targets: ["trajloom"]),
    // A library of its own, which tests preload into the program.
    .library(name: "FaultInjection", type: .dynamic, targets: ["FaultInjection"]),
  ],
  targets: [
    .systemLibrary(name: "CHDF5", pkgConfig: "hdf5", providers: [.apt(["libhdf5-dev"])]),
    .systemLibrary(
      name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),

    .target(name: "Archives", dependencies: ["CZlib"]),
    .target(name: "Autograd", dependencies: ["COpenBLAS", "Archives"]),
    .target(name: "DataPipeline", dependencies: ["Autograd", "Archives", "CHDF5", "CZlib"]),
    .target(name: "Training", dependencies: ["Autograd", "DataPipeline"]),
    .target(name: "TrajLoomVAE", dependencies: ["Autograd", "DataPipeline", "Training"]),
    .target(
      name: "TrajLoomFlow", dependencies: ["Autograd", "DataPipeline", "Training", "TrajLoomVAE"]),
    .target(
      name: "TrajLoomBench", dependencies: ["Autograd", "DataPipeline", "CZlib", "COpenBLAS"]),
    .executableTarget(
      name: "trajloom",
      dependencies: [
        "Autograd", "DataPipeline", "Training", "TrajLoomVAE", "TrajLoomFlow", "TrajLoomBench",
      ]),

    .target(
      name: "TestSupport", dependencies: ["Autograd", "Archives"], path: "Tests/TestSupport"),
    .target(name: "FaultInjection", path: "Tests/FaultInjection"),
    .testTarget(name: "AutogradTests", dependencies: ["Autograd", "Archives", "TestSupport"]),
    .testTarget(
      name: "DataPipelineTests",
      dependencies: ["DataPipeline", "Autograd", "Archives", "CHDF5", "TestSupport"]),
    .testTarget(
      name: "TrainingTests", dependencies: ["Training", "Autograd", "DataPipeline", "TestSupport"]),
    .testTarget(
      name: "GoldenTests",
      dependencies: ["Autograd", "TrajLoomVAE", "TrajLoomFlow", "TrajLoomBench", "TestSupport"]),
    .testTarget(
      name: "ModelTests",
      dependencies: [
        "Autograd", "DataPipeline", "Training", "TrajLoomVAE", "TrajLoomFlow", "TestSupport",
      ]),
    .testTarget(name: "TrajLoomBenchTests", dependencies: ["TrajLoomBench", "CZlib"]),
    .testTarget(
      name: "CommandTests",
      dependencies: ["trajloom", "Autograd", "CHDF5", "DataPipeline", "TestSupport"]),
  ],
  swiftLanguageModes: [.v6]
)
