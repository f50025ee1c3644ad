import { rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { AccessRules } from '../../admin/access.ts'
import { AdminListener, type AdminPlace } from '../../admin/admin-listener.ts'
import type { AdminServer } from '../../admin/admin-server.ts'
import type { Administered } from '../../admin/administered.ts'
import type { Approach } from '../../admin/gate.ts'
import type { Phase } from '../../admin/readiness.ts'
import { askReadiness } from '../../admin/readiness-inquiry.ts'
import { isLoopback } from '../../config/admin.ts'
import type { Config } from '../../config/schema.ts'
import type { Log } from '../../observability/log.ts'
import { dashboardFolder } from '../../program-files.ts'
import type { Listener } from '../../runtime/snapshot.ts'
import { formatAdminPlace } from '../place.ts'
import { makeDirectory, type StateDirectory } from '../state/state-directory.ts'
import { type AdminSocket, descriptorAt } from '../upgrade/inheritance.ts'
import { ListenError } from '../workers/listen-error.ts'
import { isSocket, removeLeftover } from '../workers/vacancy.ts'
import { adminAccessOf } from './admin-access.ts'
import { adminPlaceOf } from './admin-place.ts'

/** How long another Limpet may take to say that it is about to end, in ms. */
const PATIENCE = 1000
/** Between two attempts to listen on a socket that another process has, in ms. */
const RETRY = 1000

/** The admin API of a running balancer. */
export class AdminApi {
  /** Where the configuration says. */
  readonly #place: AdminPlace
  readonly #log: Log
  readonly #load: () => Promise<AdminServer>
  #listener: AdminListener | undefined
  #retry: NodeJS.Timeout | undefined
  #isClosed = false

  private constructor(
    place: AdminPlace,
    administered: () => Promise<Administered>,
    approach: Approach,
    access: AccessRules,
    log: Log,
  ) {
    this.#place = place
    this.#log = log
    const dashboard = fileURLToPath(dashboardFolder)
    const report = (bug: unknown) =>
      log.error('the admin API: this is a bug in Limpet, please report it', { event: 'bug', err: bug })
    this.#load = async () => {
      try {
        const { AdminServer } = await import('../../admin/admin-server.ts')
        return new AdminServer(await administered(), { approach, access, dashboard, report })
      } catch (error) {
        report(error)
        throw error
      }
    }
  }

  /**
   * Starts it where the configuration says; undefined if that is nowhere. On the default socket, which nobody has asked for, it
   * starts once no other process has it; and on a port that a Limpet has which is about to end, too.
   *
   * @param administered called with the first connection
   * @param inherited the socket of the process that this one replaces
   * @throws ListenError if it cannot listen where the file says; ConfigError if a token cannot be read
   */
  static async start(
    config: Config,
    administered: () => Promise<Administered>,
    state: StateDirectory,
    log: Log,
    inherited?: AdminSocket,
  ): Promise<AdminApi | undefined> {
    const place = adminPlaceOf(config, process.env, state.path)
    const descriptor = descriptorAt(place, inherited)
    if (place === undefined) return undefined
    const api = new AdminApi(place, administered, approachOf(config), adminAccessOf(config, state), log)
    if (descriptor !== undefined) await api.#listen(place, descriptor).catch((error) => fail(place, error))
    else if (config.admin === undefined || (await isOfEnding(place))) await api.#listenWhenFree(place, true)
    else await api.#listen(place).catch((error) => fail(place, error))
    return api
  }

  /** Where it listens, with a real port in place of 0; undefined while it cannot. */
  get place(): AdminPlace | undefined {
    return this.#listener?.place
  }

  /** Its socket, to be handed over to another process; undefined while it does not listen. */
  get socket(): AdminSocket | undefined {
    const descriptor = this.#listener?.descriptor
    return descriptor === undefined ? undefined : { written: this.#place, descriptor }
  }

  /** Another process has its socket: accepts no more connections. */
  leave(): void {
    this.#isClosed = true
    clearTimeout(this.#retry)
    this.#listener?.leave()
  }

  /** The load balancer stops: from now on only that is answered. */
  stop(): void {
    this.#isClosed = true
    clearTimeout(this.#retry)
    void this.#listener?.closeConnections()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#retry)
    await this.#listener?.close()
  }

  async #listen(place: AdminPlace, descriptor?: number): Promise<void> {
    if ('socket' in place && descriptor === undefined) await vacate(place.socket)
    const listener = await AdminListener.start(place, this.#load, descriptor)
    if (this.#isClosed) await listener.close()
    else this.#listener = listener
  }

  async #listenWhenFree(place: AdminPlace, isFirst: boolean): Promise<void> {
    const where = formatAdminPlace(place)
    try {
      if ('socket' in place) makeDirectory(dirname(place.socket))
      await this.#listen(place)
      if (!isFirst) this.#log.info(`the admin API answers on ${where}`, { event: 'admin-listening', place: where })
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      const isTaken = code === 'EADDRINUSE'
      if (isFirst) {
        const cause = isTaken ? 'another process listens there; this one will, once it has ended' : message
        this.#log.info(`no admin API on ${where}: ${cause}`, { event: 'admin-not-listening', place: where, cause })
      }
      if (!isTaken || this.#isClosed) return
      this.#retry = setTimeout(() => void this.#listenWhenFree(place, false), RETRY).unref()
    }
  }
}

/** Makes room for a socket: removes that of a killed program, and that of a Limpet which only finishes its requests. */
async function vacate(path: string): Promise<void> {
  await removeLeftover(path)
  // Where nobody listens, there is nobody to ask, and no HTTP client to load.
  if (isSocket(path) && (await isOfEnding({ socket: path }))) rmSync(path, { force: true })
}

/** Whether a Limpet listens there that only finishes its requests in flight. */
async function isOfEnding(place: AdminPlace): Promise<boolean> {
  return (await askReadiness(place, AbortSignal.timeout(PATIENCE))) === ('stopping' satisfies Phase)
}

function approachOf({ admin }: Config): Approach {
  if (admin === undefined || admin === 'off' || 'socket' in admin) return 'socket'
  return { reach: isLoopback(admin.address) ? 'loopback' : 'network', hosts: admin.hosts ?? [] }
}

function fail(place: AdminPlace, { code = '', message }: NodeJS.ErrnoException): never {
  const listener: Listener =
    'socket' in place ? { path: place.socket, mode: 0o600, proxyProtocol: false } : { ...place, proxyProtocol: false }
  throw new ListenError(listener, code, message, 'the admin API')
}
