import { RANDOM, SAMPLED, traceContextOf } from '../forwarding/trace-context.ts'
import type { RequestHead } from '../http1/request-head.ts'
import type { Tracing } from '../runtime/snapshot.ts'
import { HexIds } from './hex-ids.ts'
import { Trace } from './trace.ts'

const traceIds = new HexIds(32)

/** Finds the place of requests in their traces: continues those that clients have begun, and begins others. */
export class Tracer {
  readonly #trust: boolean
  /** Of the traces that begin here, those with a smaller number are sampled. */
  readonly #bound: number

  constructor({ sample, trust }: Tracing) {
    this.#trust = trust
    this.#bound = sample === 1 ? 2 ** 32 : Math.floor(sample * (2 ** 32 - 1))
  }

  /** A trace that goes on is sampled if its client says so; one that begins here by its id. */
  begin(head: RequestHead): Trace {
    const context = this.#trust ? traceContextOf(head) : undefined
    if (context !== undefined) return new Trace(context.traceId, context.parentId, context.flags, context.state)
    const traceId = traceIds.next()
    return new Trace(traceId, undefined, this.samples(traceId) ? RANDOM | SAMPLED : RANDOM, '')
  }

  /**
   * Whether a trace of that id is sampled if it begins here. OpenTelemetry's TraceIdRatioBasedSampler of JavaScript decides the
   * same, so that programs with the same share sample the same traces.
   */
  samples(traceId: string): boolean {
    let number = 0
    for (let at = 0; at < traceId.length; at += 8) number ^= Number.parseInt(traceId.slice(at, at + 8), 16)
    return number >>> 0 < this.#bound
  }
}
