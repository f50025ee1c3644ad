import { AdminListener, type PortPlace } from '../../admin/admin-listener.ts'
import type { Metrics } from '../../admin/metrics.ts'
import type { Config } from '../../config/schema.ts'
import type { Log } from '../../observability/log.ts'
import { type AdminSocket, descriptorAt } from '../upgrade/inheritance.ts'
import { ListenError } from '../workers/listen-error.ts'

/** Serves the metrics, and nothing else, where the configuration says. */
export class MetricsListener {
  /** Where the configuration says. */
  readonly #written: PortPlace
  readonly #listener: AdminListener

  private constructor(written: PortPlace, listener: AdminListener) {
    this.#written = written
    this.#listener = listener
  }

  /**
   * Starts it; undefined if the configuration has none.
   *
   * @param inherited the socket of the process that this one replaces
   * @throws ListenError if it cannot listen there
   */
  static async start(
    { metrics: place }: Config,
    metrics: Metrics,
    log: Log,
    inherited?: AdminSocket,
  ): Promise<MetricsListener | undefined> {
    const descriptor = descriptorAt(place, inherited)
    if (place === undefined) return undefined
    const report = (bug: unknown) =>
      log.error('the metrics: this is a bug in Limpet, please report it', { event: 'bug', err: bug })
    const load = async () => {
      const { MetricsServer } = await import('../../admin/metrics-server.ts')
      return new MetricsServer(metrics, report)
    }
    try {
      return new MetricsListener(place, await AdminListener.start(place, load, descriptor))
    } catch (error) {
      const { code = '', message } = error as NodeJS.ErrnoException
      throw new ListenError({ ...place, proxyProtocol: false }, code, message, 'the metrics')
    }
  }

  /** Where it listens, with a real port in place of 0. */
  get place(): PortPlace {
    return this.#listener.place as PortPlace
  }

  /** Its socket, to be handed over to another process. */
  get socket(): AdminSocket | undefined {
    const { descriptor } = this.#listener
    return descriptor === undefined ? undefined : { written: this.#written, descriptor }
  }

  /** Another process has its socket: accepts no more connections. */
  leave(): void {
    this.#listener.leave()
  }

  close(): Promise<void> {
    return this.#listener.close()
  }
}
