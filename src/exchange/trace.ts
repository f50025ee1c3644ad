import { SAMPLED, type TracePosition } from '../forwarding/trace-context.ts'
import type { RecordedTrace } from '../observability/exchange-record.ts'
import { HexIds } from './hex-ids.ts'

const spanIds = new HexIds(16)

/** Makes a random id of 16 hexadecimal digits, which names an exchange or an attempt in its trace. */
export function makeSpanId(): string {
  return spanIds.next()
}

/** The place of one exchange in its trace. */
export class Trace implements RecordedTrace, TracePosition {
  readonly traceId: string
  readonly spanId = makeSpanId()
  readonly parentId: string | undefined
  readonly flags: number
  readonly state: string

  /** @param parentId the client's span; undefined if the trace begins here */
  constructor(traceId: string, parentId: string | undefined, flags: number, state: string) {
    this.traceId = traceId
    this.parentId = parentId
    this.flags = flags
    this.state = state
  }

  get isSampled(): boolean {
    return (this.flags & SAMPLED) !== 0
  }
}
