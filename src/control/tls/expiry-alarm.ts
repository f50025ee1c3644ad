import type { Log } from '../../observability/log.ts'
import { type Expiry, remaining } from './expiry.ts'
import { NO_MATERIAL, type TlsMaterial } from './tls-material.ts'

const HOUR = 3_600_000
/** How often the same certificate is reported at most, in ms. */
const AGAIN_AFTER = 24 * HOUR

/** Logs which certificates end soon: each once a day, as an error shortly before its end and after it. */
export class ExpiryAlarm {
  readonly #log: Pick<Log, 'warn' | 'error'>
  readonly #now: () => number
  #material = NO_MATERIAL
  /** By the name of the certificate: when it was reported, and as what. */
  #reported = new Map<string, { readonly at: number; readonly level: 'warn' | 'error' }>()
  readonly #timer: NodeJS.Timeout

  constructor(log: Pick<Log, 'warn' | 'error'>, now: () => number = Date.now) {
    this.#log = log
    this.#now = now
    this.#timer = setInterval(() => this.look(), HOUR).unref()
  }

  /** Watches these from now on. */
  watch(material: TlsMaterial): void {
    this.#material = material
    this.look()
  }

  close(): void {
    clearInterval(this.#timer)
  }

  /** Reports what is due. */
  look(): void {
    const now = this.#now()
    const reported = new Map<string, { at: number; level: 'warn' | 'error' }>()
    for (const origin of this.#material.origins) {
      const expiry = remaining(origin, now)
      if (expiry === undefined) continue
      const { name } = origin.certificate
      const before = this.#reported.get(name)
      const isDue = before === undefined || before.level !== expiry.level || now - before.at >= AGAIN_AFTER
      if (isDue) this.#report(expiry, name)
      reported.set(name, isDue ? { at: now, level: expiry.level } : before)
    }
    this.#reported = reported
  }

  #report({ level, message }: Expiry, certificate: string): void {
    if (level === 'warn') this.#log.warn(message, { event: 'certificate-expiring', certificate })
    else this.#log.error(message, { event: 'certificate-urgent', certificate })
  }
}
