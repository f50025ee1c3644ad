import { now, wallSeconds } from '../runtime/clock.ts'
import type { AccessLog as Settings } from '../runtime/snapshot.ts'
import type { ExchangeObserver, ExchangeRecord } from './exchange-record.ts'
import { JsonLine } from './json-line.ts'
import { type Batch, LineBuffer } from './line-buffer.ts'
import { Redaction } from './redaction.ts'

/** Receives the lines. */
export interface LogSink {
  /** Takes whole lines, each with its line feed. The sink calls `AccessLog.written` when it no longer needs them. */
  take(batch: Batch): void
  /** This many lines were dropped, because the sink has not returned enough memory. */
  dropped(lines: number): void
}

/** Lines are flushed once they have this many bytes, or after `FLUSH_AFTER` ms. */
const FLUSH_AT = 256 * 1024
const FLUSH_AFTER = 100

/**
 * Writes a line for each request: nginx's `combined` format followed by the upstream's address and status, the time in
 * seconds and the reason; or the same with the names of hosts, upstreams and servers, as text or as JSON. Lines are written in
 * batches, so that no request waits for a disk or a pipe. A client cannot end a line or a quoted part of it.
 */
export class AccessLog implements ExchangeObserver {
  #format!: Settings['format']
  #jsonLine!: JsonLine
  /** Undefined if no values are redacted. */
  #redaction: Redaction | undefined
  readonly #sink: LogSink
  readonly #lines = new LineBuffer()
  #dropped = 0
  /** The text between the client's address and the request line. */
  #time = ''
  #second = 0
  readonly #timer: NodeJS.Timeout

  constructor(settings: Settings, sink: LogSink) {
    this.apply(settings)
    this.#sink = sink
    this.#tick()
    this.#timer = setInterval(() => this.#tick(), FLUSH_AFTER)
  }

  /** Writes by these settings from now on. */
  apply({ format, redact, fields }: Settings): void {
    this.#format = format
    this.#jsonLine = new JsonLine(fields)
    this.#redaction = redact.length > 0 ? new Redaction(redact) : undefined
  }

  ended(entry: ExchangeRecord): void {
    if (this.#format === 'off') return
    if (this.#lines.length >= FLUSH_AT) {
      this.#dropped++
      return
    }
    if (this.#format === 'json') this.#lines.text(`${this.#jsonLine.of(entry, this.#redaction)}\n`)
    else this.#text(entry, this.#format === 'vhost')
    if (this.#lines.length >= FLUSH_AT) this.#flush()
  }

  /** The sink has written the lines in this memory. */
  written(memory: number): void {
    this.#lines.giveBack(memory)
    if (this.#lines.length >= FLUSH_AT) this.#flush()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#tick()
  }

  #text(entry: ExchangeRecord, withNames: boolean): void {
    const { request } = entry
    const { bytes } = request
    const lines = this.#lines
    if (withNames) {
      lines.quotable(bytes, request.authorityStart, request.authorityEnd)
      lines.ascii(' ')
    }
    lines.ascii(entry.clientAddress + this.#time)
    if (this.#redaction === undefined) lines.quotable(bytes, request.headStart, request.requestLineEnd)
    else quote(lines, this.#redaction.requestLine(bytes, request.headStart, request.requestLineEnd))
    const protocol = request.protocol === '' ? '' : ` ${request.protocol}`
    lines.ascii(`${protocol}" ${entry.status} ${entry.bytesSent} "`)
    if (this.#redaction === undefined) lines.quotable(bytes, request.refererStart, request.refererEnd)
    else quote(lines, this.#redaction.url(bytes, request.refererStart, request.refererEnd))
    lines.ascii('" "')
    lines.quotable(bytes, request.userAgentStart, request.userAgentEnd)
    const names = withNames ? `${entry.upstreamName ?? '-'} ${entry.serverNames || '-'} ` : ''
    const seconds = ((now() - entry.startedAt) / 1000).toFixed(3)
    const upstream = `${entry.upstreamAddresses || '-'} ${entry.upstreamStatuses || '-'}`
    lines.ascii(`" ${names}${upstream} ${seconds} ${entry.reason ?? '-'}\n`)
  }

  #tick(): void {
    const second = wallSeconds()
    if (second !== this.#second) {
      this.#second = second
      this.#time = ` - - [${localTime(new Date())}] "`
    }
    this.#flush()
    if (this.#dropped > 0) this.#sink.dropped(this.#dropped)
    this.#dropped = 0
  }

  /** If the sink holds all other memories, lines wait in the current one until it is full. */
  #flush(): void {
    if (this.#lines.length > 0 && this.#lines.canTake) this.#sink.take(this.#lines.take())
  }
}

function quote(lines: LineBuffer, bytes: Buffer): void {
  lines.quotable(bytes, 0, bytes.length)
}

/** nginx's $time_local: `22/Nov/2026:20:44:00 +0000`. */
function localTime(date: Date): string {
  const two = (value: number) => String(value).padStart(2, '0')
  const month = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'][date.getMonth()]
  const offset = -date.getTimezoneOffset()
  const zone = `${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}${two(Math.abs(offset) % 60)}`
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')
  return `${two(date.getDate())}/${month}/${date.getFullYear()}:${clock} ${zone}`
}
