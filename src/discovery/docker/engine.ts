import { existsSync } from 'node:fs'
import { z } from 'zod'
import { type DockerHost, parseDockerHost } from '../../config/docker-host.ts'
import { InvalidValue } from '../../config/error.ts'
import { type UpstreamTls, UpstreamTlsSettings } from '../../config/tls/upstream-tls.ts'
import { HttpClient, type Question, Refused, urlBelow } from '../http-client.ts'

const SOCKET = '/var/run/docker.sock'
/** The newest version of the API that is asked for, and the oldest that has all that is needed. */
const NEWEST = '1.47'
const OLDEST = '1.24'
export interface EngineSettings {
  readonly host?: string
  readonly tls?: UpstreamTls
}

/** As `docker events --filter` takes them: any of the values of each key. */
export type EventFilters = Readonly<Record<string, readonly string[]>>

const Listed = z.array(z.object({ Id: z.string() }))

const EngineEvent = z.object({
  Type: z.string(),
  Action: z.string(),
  Actor: z.object({ ID: z.string(), Attributes: z.record(z.string(), z.string()).nullish() }),
  timeNano: z.number(),
})

export type EngineEvent = z.output<typeof EngineEvent>

/** As messages call it. */
export function engineName({ host }: EngineSettings): string {
  return `docker at ${host ?? (process.env.DOCKER_HOST || `unix://${defaultSocket()}`)}`
}

/**
 * A Docker engine, by its API: https://docs.docker.com/reference/api/engine/. It is asked only GET, and only /_ping, /events,
 * /containers/json and /containers/ID/json, so that a proxy may refuse everything else.
 */
export class Engine {
  readonly #client: HttpClient
  readonly #place: DockerHost
  readonly #base: string
  readonly #through: Pick<Question, 'options'>
  #version = ''

  /** @throws Error where its address or a file of its TLS settings cannot be used */
  constructor(settings: EngineSettings) {
    const { place, tls } = placeOf(settings)
    this.#place = place
    this.#client = new HttpClient(tls)
    this.#through = 'socket' in place ? { options: { socketPath: place.socket } } : {}
    this.#base = 'socket' in place ? 'http://docker' : `${tls === undefined ? 'http' : 'https'}://${authority(place)}`
  }

  /** The host at which what listens on the engine's machine is reached. */
  get machine(): string {
    return 'socket' in this.#place ? '127.0.0.1' : this.#place.host
  }

  /**
   * Agrees on a version of the API, and returns the time of the engine's clock, in ms.
   *
   * @throws Error with what to do, where it does not answer
   */
  async greet(signal: AbortSignal): Promise<number> {
    const { headers } = await this.#ask('/_ping', {}, signal).catch((error: Error) => {
      throw 'socket' in this.#place ? unusable(this.#place.socket, error) : error
    })
    const version = headers['api-version']
    if (typeof version !== 'string' || !/^\d+\.\d+$/.test(version))
      throw new Error('its answer to /_ping has no Api-Version: is this a Docker engine?')
    if (isNewer(OLDEST, version))
      throw new Error(`the Docker engine has version ${version} of the API, and at least ${OLDEST} is needed`)
    this.#version = `/v${isNewer(version, NEWEST) ? NEWEST : version}`
    return Date.parse(headers.date ?? '') || Date.now()
  }

  /** Resolves where it answers. */
  async ping(signal: AbortSignal): Promise<void> {
    await this.#ask('/_ping', {}, signal)
  }

  /** What it answers to a path of the API, as JSON. */
  async ask(path: string, query: Readonly<Record<string, string>>, signal: AbortSignal): Promise<unknown> {
    const { body } = await this.#ask(this.#version + path, query, signal)
    return readAs(z.unknown(), body, path)
  }

  /** The ids of all containers that run, or are paused. */
  async containers(signal: AbortSignal): Promise<string[]> {
    const { body } = await this.#ask(`${this.#version}/containers/json`, {}, signal)
    return readAs(Listed, body, '/containers/json').map(({ Id }) => Id)
  }

  /** All that is known of a container, as it came; undefined where there is none. */
  async inspect(id: string, signal: AbortSignal): Promise<unknown> {
    try {
      return await this.ask(`/containers/${encodeURIComponent(id)}/json`, {}, signal)
    } catch (error) {
      if (error instanceof Refused && error.status === 404) return undefined
      throw error
    }
  }

  /** The events since that time, in ms, as far as the engine remembers them, and those to come. Ends where the engine ends it. */
  async *events(since: number, filters: EventFilters, signal: AbortSignal): AsyncGenerator<EngineEvent[], void> {
    const query = { since: (since / 1000).toFixed(3), filters: JSON.stringify(filters) }
    const url = urlBelow(this.#base, `${this.#version}/events`, query)
    const batches = this.#client.lines(url, { signal, ...this.#through })
    for await (const lines of batches) yield lines.map((line) => readAs(EngineEvent, line, '/events'))
  }

  close(): void {
    this.#client.close()
  }

  #ask(path: string, query: Readonly<Record<string, string>>, signal: AbortSignal) {
    return this.#client.ask(urlBelow(this.#base, path, query), { signal, ...this.#through })
  }
}

function placeOf(settings: EngineSettings): { place: DockerHost; tls?: UpstreamTls | undefined } {
  const { DOCKER_HOST, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH } = process.env
  const isNamed = settings.host !== undefined
  const tls = settings.tls ?? (isNamed ? undefined : tlsOfEnvironment(DOCKER_TLS_VERIFY, DOCKER_CERT_PATH))
  const host = settings.host ?? (DOCKER_HOST || `unix://${defaultSocket()}`)
  try {
    return { place: parseDockerHost(host, tls !== undefined), tls }
  } catch (error) {
    if (!(error instanceof InvalidValue)) throw error
    const hint = error.hint === undefined ? '' : ` (${error.hint})`
    throw new Error(`${isNamed ? 'host' : 'DOCKER_HOST'}: ${error.message}, found ${host}${hint}`)
  }
}

/** As the `docker` command reads them. */
function tlsOfEnvironment(verify: string | undefined, folder: string | undefined): UpstreamTls | undefined {
  if (!verify && !folder) return undefined
  const files = folder ? { cert: `${folder}/cert.pem`, key: `${folder}/key.pem` } : {}
  const ca = verify && folder ? { ca: `${folder}/ca.pem` } : {}
  return UpstreamTlsSettings.parse({ ...files, ...ca, verify: Boolean(verify) })
}

/** The socket of the system, or of this user where their engine runs without root. */
function defaultSocket(): string {
  const rootless = `${process.env.XDG_RUNTIME_DIR}/docker.sock`
  return !existsSync(SOCKET) && process.env.XDG_RUNTIME_DIR && existsSync(rootless) ? rootless : SOCKET
}

/** What to do about a socket that cannot be opened. */
function unusable(socket: string, error: Error): Error {
  const { code } = (error.cause ?? {}) as NodeJS.ErrnoException
  if (code === 'ENOENT')
    return new Error(`${socket} does not exist: start the Docker engine, or name its address as host or DOCKER_HOST`)
  if (code !== 'EACCES') return error
  const hint = 'add them to its group (docker), or run limpet discover --serve as another user'
  return new Error(`${socket} may not be opened by this user: ${hint}`)
}

function authority({ host, port }: { readonly host: string; readonly port: number }): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function isNewer(one: string, other: string): boolean {
  const [major = 0, minor = 0] = one.split('.').map(Number)
  const [otherMajor = 0, otherMinor = 0] = other.split('.').map(Number)
  return major > otherMajor || (major === otherMajor && minor > otherMinor)
}

function readAs<Schema extends z.ZodType>(schema: Schema, text: string, where: string): z.output<Schema> {
  try {
    return schema.parse(JSON.parse(text))
  } catch {
    throw new Error(`its answer to ${where} is not what a Docker engine answers`)
  }
}
