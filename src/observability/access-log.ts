import { now, wallSeconds } from '../runtime/clock.ts'
import type { RouteLog, AccessLog as Settings } from '../runtime/snapshot.ts'
import type { ExchangeObserver, ExchangeRecord } from './exchange-record.ts'
import { HIDDEN } from './json-line.ts'
import { type Batch, LineBuffer } from './line-buffer.ts'
import { LogForm } from './log-form.ts'

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
  #settings!: Settings
  /** That of all requests whose routes say nothing else. */
  #form!: LogForm
  /** Those of routes that do. */
  #forms!: WeakMap<RouteLog, LogForm>
  readonly #sink: LogSink
  readonly #lines = new LineBuffer()
  #dropped = 0
  /** The text between the client's address and the request line. */
  #time = ''
  #second = 0
  readonly #timer: NodeJS.Timeout

  constructor(settings: Settings, sink: LogSink) {
    this.#use(settings)
    this.#sink = sink
    this.#tick()
    this.#timer = setInterval(() => this.#tick(), FLUSH_AFTER)
  }

  /** Writes by these settings from now on. The sink gets the lines by others first, so that it knows when it has them all. */
  apply(settings: Settings): void {
    if (settings === this.#settings) return
    this.#flush()
    this.#use(settings)
  }

  #use(settings: Settings): void {
    this.#settings = settings
    this.#form = new LogForm(settings)
    this.#forms = new WeakMap()
  }

  ended(entry: ExchangeRecord): void {
    if (this.#form.format === 'off') return
    const own = entry.route?.log
    const form = own === undefined ? this.#form : this.#formOf(own)
    if (own !== undefined && !form.takes(entry)) return
    if (this.#lines.length >= FLUSH_AT) {
      this.#dropped++
      return
    }
    if (form.format === 'json') this.#lines.text(`${form.json.of(entry)}\n`)
    else this.#text(entry, form)
    if (this.#lines.length >= FLUSH_AT) this.#flush()
  }

  #formOf(own: RouteLog): LogForm {
    const known = this.#forms.get(own)
    if (known !== undefined) return known
    const form = new LogForm(this.#settings, own)
    this.#forms.set(own, form)
    return form
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

  #text(entry: ExchangeRecord, form: LogForm): void {
    const { request } = entry
    const { redaction } = form
    const withNames = form.format === 'vhost'
    const { bytes } = request
    const lines = this.#lines
    if (withNames) {
      lines.quotable(bytes, request.authorityStart, request.authorityEnd)
      lines.ascii(' ')
    }
    lines.ascii(entry.clientAddress + this.#time)
    if (redaction === undefined) lines.quotable(bytes, request.headStart, request.requestLineEnd)
    else quote(lines, redaction.requestLine(bytes, request.headStart, request.requestLineEnd))
    const protocol = request.protocol === '' ? '' : ` ${request.protocol}`
    lines.ascii(`${protocol}" ${entry.status} ${entry.bytesSent} "`)
    if (form.hides('referer')) lines.ascii(hidden(request.refererStart, request.refererEnd))
    else if (redaction === undefined) lines.quotable(bytes, request.refererStart, request.refererEnd)
    else quote(lines, redaction.url(bytes, request.refererStart, request.refererEnd))
    lines.ascii('" "')
    if (form.hides('user-agent')) lines.ascii(hidden(request.userAgentStart, request.userAgentEnd))
    else lines.quotable(bytes, request.userAgentStart, request.userAgentEnd)
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

/** In place of a value that is not logged. */
function hidden(from: number, to: number): string {
  return from === to ? '-' : HIDDEN
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
