import { dirname } from 'node:path'
import type { Log } from '../../observability/log.ts'
import { FileWatcher } from '../../runtime/file-watcher.ts'
import type { DesiredState } from '../desired/desired-state.ts'
import type { Applied, HandoverUser } from '../handover.ts'
import type { CertificateSource } from './certificate-source.ts'
import { ExpiryAlarm } from './expiry-alarm.ts'
import type { TlsStore } from './tls-store.ts'
import { warningsOfTls } from './tls-warnings.ts'

/** In ms. A certificate and its key are two files. */
const pace = { lookEvery: 5000, settle: 100 }

type Change = (make: (now: DesiredState) => DesiredState, by: string) => Promise<Applied>

/**
 * Puts into effect what changes without a change of the configuration: renewed certificates, and the key of session tickets. Open
 * connections go on with what they began with.
 */
export class Renewals implements HandoverUser {
  readonly #store: TlsStore
  readonly #change: Change
  readonly #log: Log
  readonly #watcher: FileWatcher
  readonly #alarm: ExpiryAlarm
  /** The warnings of the certificates in effect. */
  #warnings: ReadonlySet<string> = new Set()
  #rotation: NodeJS.Timeout | undefined
  #isLooking = false
  #isClosed = false

  /** @param change puts another desired state into effect */
  constructor(store: TlsStore, change: Change, log: Log) {
    this.#store = store
    this.#change = change
    this.#log = log
    this.#watcher = new FileWatcher(() => void this.#look(), pace)
    this.#alarm = new ExpiryAlarm(log)
    this.#plan()
  }

  /** Other certificates of that source take effect from now on. */
  follow(source: CertificateSource): void {
    source.onChange(() => this.#apply((now) => now, source.name))
  }

  adopted(): void {
    if (this.#isClosed) return
    this.#watcher.watch(this.#store.paths.map((path) => dirname(path)))
    const { material } = this.#store
    const warnings = new Set(warningsOfTls(material))
    for (const warning of warnings)
      if (!this.#warnings.has(warning)) this.#log.warn(warning, { event: 'certificate-warning' })
    this.#warnings = warnings
    this.#alarm.watch(material)
  }

  close(): void {
    this.#isClosed = true
    this.#watcher.close()
    this.#alarm.close()
    clearTimeout(this.#rotation)
  }

  async #look(): Promise<void> {
    if (this.#isLooking || !this.#store.isOutdated) return
    this.#isLooking = true
    await this.#apply((now) => {
      this.#store.refresh()
      return now
    }, 'changed files')
    this.#isLooking = false
  }

  #plan(): void {
    this.#rotation = setTimeout(async () => {
      await this.#apply((now) => {
        this.#store.tickets.rotate()
        return now
      }, 'each day')
      if (!this.#isClosed) this.#plan()
    }, this.#store.tickets.timeLeft).unref()
  }

  async #apply(make: (now: DesiredState) => DesiredState, by: string): Promise<void> {
    try {
      await this.#change(make, by)
    } catch (error) {
      if (this.#isClosed) return
      const { message: cause } = error as Error
      this.#log.error(`renewed certificates are not in effect: ${cause}`, { event: 'certificates-not-applied', cause })
    }
  }
}
