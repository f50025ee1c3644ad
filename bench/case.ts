import type { Cores } from './cores.ts'
import type { MetricName, Sample } from './metric.ts'
import type { OriginPlaces } from './origin.ts'
import type { Site } from './peer.ts'
import type { ProcessTree } from './process-tree.ts'

/** Something that proxies are measured at. */
export interface Case {
  readonly name: string
  readonly title: string
  /** The names of the peers that take part unless others are asked for. */
  readonly peers: readonly string[]
  /** What the report shows, the most telling first. */
  readonly metrics: readonly MetricName[]
  /** Measured side by side; all others are compared with the first. */
  readonly variants: readonly Variant[]
  /** About how long a measurement takes in s, for a load of that many seconds. */
  duration?(seconds: number): number
}

export interface Variant {
  /** What distinguishes it: '10,000 routes'. Empty for an only one. */
  readonly name: string
  /** The names of the peers that can do it. Left out: all of the case's. */
  readonly peers?: readonly string[]
  site(origin: OriginPlaces): Site
  readonly load: Load
}

/** Where a load works: a proxy that runs, and is seen to answer rightly. */
export interface Stage {
  /** Of the proxy, on 127.0.0.1. */
  readonly port: number
  /** Undefined where the system does not account for processes. */
  readonly proxy: ProcessTree | undefined
  readonly cores: Cores
  /** The length of the load, and of the one before it that warms the proxy up. */
  readonly seconds: number
  readonly warmUp: number
  /** For files of the load's own. */
  readonly folder: string
  /** Stops the proxy, and starts it again with the same files. */
  restart(): Promise<Restart>
}

export interface Restart {
  /** From the start to the first answer, in ms. */
  readonly duration: number
  /** As the stage's. */
  readonly proxy: ProcessTree | undefined
}

/** What a load found. Errors are sentences for the report. */
export interface Reading {
  readonly sample: Sample
  readonly errors: readonly string[]
  /** The load itself, its start and its end apart: what a profile is to tell of. */
  readonly measured?: Window
}

/** Requests served within a time, by the machine's monotonic clock in µs. */
export interface Window {
  readonly from: number
  readonly to: number
  readonly requests: number
}

/** Drives a proxy and measures it. */
export interface Load {
  /** A request as the load makes it, by which it is seen beforehand that the proxy answers rightly. */
  readonly probe: Probe
  run(stage: Stage): Promise<Reading>
}

/** A request, and the length of the body that must come. Lengths in bytes. */
export interface Probe {
  readonly method: string
  readonly path: string
  readonly bodyLength: number
  readonly answerLength: number
}
