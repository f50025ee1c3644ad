import type { Cores } from './cores.ts'
import type { MetricName, Sample } from './metric.ts'
import type { OriginPlaces } from './origin.ts'
import type { Site } from './peer.ts'
import type { ProcessTree } from './process-tree.ts'

/** A benchmark case. */
export interface Case {
  readonly name: string
  readonly title: string
  /** The names of the peers that take part by default. */
  readonly peers: readonly string[]
  /** The metrics in the report, the most important first. */
  readonly metrics: readonly MetricName[]
  /** Measured side by side. The first is the reference for the others. */
  readonly variants: readonly Variant[]
  /** The approximate duration of a measurement in s, for a load of `seconds` s. */
  duration?(seconds: number): number
}

export interface Variant {
  /** What distinguishes it: '10,000 routes'. Empty if there is only one variant. */
  readonly name: string
  /** The names of the peers that support it. Default: all peers of the case. */
  readonly peers?: readonly string[]
  site(origin: OriginPlaces): Site
  readonly load: Load
}

/** The environment of a load: a running proxy whose response was checked. */
export interface Stage {
  /** The proxy's port on 127.0.0.1. */
  readonly port: number
  /** Undefined if the system has no accounting of processes. */
  readonly proxy: ProcessTree | undefined
  readonly cores: Cores
  /** The duration of the load, and of the warm-up before it, in s. */
  readonly seconds: number
  readonly warmUp: number
  /** A folder for files of the load. */
  readonly folder: string
  /** Stops the proxy, and starts it again with the same files. */
  restart(): Promise<Restart>
  /** Starts another proxy of the same kind on the same cores, which ends with the measurement. Resolves to its port on 127.0.0.1. */
  another(): Promise<number>
}

export interface Restart {
  /** From the start to the first answer, in ms. */
  readonly duration: number
  /** The same as `Stage.proxy`. */
  readonly proxy: ProcessTree | undefined
}

/** The result of a load. Errors are sentences for the report. */
export interface Reading {
  readonly sample: Sample
  readonly errors: readonly string[]
  /** The part of the load that a profile covers, without its start and end. */
  readonly measured?: Window
}

/** The requests served between two times, in µs of the machine's monotonic clock. */
export interface Window {
  readonly from: number
  readonly to: number
  readonly requests: number
}

/** Drives a proxy and measures it. */
export interface Load {
  /** A request like those of the load. It checks before the load that the proxy responds correctly. */
  readonly probe: Probe
  run(stage: Stage): Promise<Reading>
}

/** A request, and the expected length of the response body. Lengths are in bytes. */
export interface Probe {
  readonly method: string
  readonly path: string
  readonly bodyLength: number
  readonly answerLength: number
  /** How the response body is to be compressed; `answerLength` is that of the body before. Default: not at all, unless asked for. */
  readonly coding?: 'gzip'
  /** Default: HTTP/1.1 without TLS. */
  readonly protocol?: 'https' | 'h2'
  /** In addition to those of a browser. */
  readonly headers?: Readonly<Record<string, string>>
  /** Default: any bytes of that length. */
  readonly body?: Buffer
}
