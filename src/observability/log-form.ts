import { standardFields } from '../runtime/access-log-field.ts'
import { crc32 } from '../runtime/crc32.ts'
import type { AccessLog, RouteLog } from '../runtime/snapshot.ts'
import type { ExchangeRecord } from './exchange-record.ts'
import { JsonLine } from './json-line.ts'
import { Redaction } from './redaction.ts'

/** How the lines of the access log are written: for all requests, or for those of a route that says more. */
export class LogForm {
  readonly format: AccessLog['format']
  /** Undefined if no values are redacted. */
  readonly redaction: Redaction | undefined
  readonly json: JsonLine
  /** Lower-case names of headers whose values are not logged. */
  readonly #hidden: ReadonlySet<string>
  readonly #share: number

  constructor({ format, redact, fields = standardFields }: AccessLog, own: RouteLog = NOTHING_OWN) {
    const names = [...new Set([...redact, ...own.redact])]
    const added = own.add.filter((field) => !fields.includes(field))
    const written = [...fields, ...added].filter((field) => !own.remove.includes(field))
    this.format = format
    this.redaction = names.length > 0 ? new Redaction(names) : undefined
    this.#hidden = new Set(own.redactHeaders)
    this.#share = own.share
    this.json = new JsonLine(written, own.headers, this)
  }

  /** Whether an exchange has a line: of a share, those with the same ids always do. */
  takes({ request: { id } }: ExchangeRecord): boolean {
    return this.#share === 1 || crc32(Buffer.from(id)) >>> 0 < this.#share * 2 ** 32
  }

  /** Whether the values of the header of that lower-case name are not logged. */
  hides(header: string): boolean {
    return this.#hidden.has(header)
  }
}

const NOTHING_OWN: RouteLog = { share: 1, add: [], remove: [], headers: [], redact: [], redactHeaders: [] }
