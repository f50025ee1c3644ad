import { setTimeout } from 'node:timers/promises'
import type { Server, ServerWithSettings, Upstream } from '../admin/answers.ts'
import { parseDuration } from '../config/duration.ts'
import type { AdminClient } from './admin-client.ts'
import { ask } from './change.ts'
import { CommandFailure } from './command-failure.ts'
import { formatServer, pathOfServer, pathOfUpstream, type ServerArgument } from './server-argument.ts'

/** A check as the file has it. */
interface Check {
  readonly interval: string
  readonly timeout: string
  readonly initial: 'up' | 'down' | 'unknown'
}

/** Between two looks at the successor's health, in ms. */
const LOOK_EVERY = 250
/** The longest wait before the first check of a server that is up until then, and what a look at it takes, in ms. */
const FIRST_CHECK_WITHIN = 1000
const LOOK_TAKES = 500

/** What a server has of its own, and does not pass on to its successor. */
const own = ['name', 'id', 'address', 'admin', 'down', 'drain']

/**
 * A server that takes the place of another. Until the old one drains, everything can be undone.
 */
export class Replacement {
  /** The server to replace, under the name that it has now. */
  old: ServerArgument
  readonly successor: ServerArgument
  readonly #client: AdminClient
  readonly #original: ServerArgument
  /** What undoes what was done, in reverse order. */
  readonly #undo: (() => Promise<unknown>)[] = []

  constructor(client: AdminClient, original: ServerArgument, name: string) {
    this.#client = client
    this.#original = original
    this.old = original
    this.successor = { upstream: original.upstream, server: name }
  }

  /** Adds the successor, with the settings of the old server. Where it takes the name, the old one gets another. */
  async begin(address: string, servers: readonly Server[]): Promise<void> {
    const { upstream, server } = this.#original
    const { settings } = await this.#client.get<ServerWithSettings>(pathOfServer(this.#original))
    if (this.successor.server === server) await this.#rename(formerName(server, servers))
    const body = { ...Object.fromEntries(Object.entries(settings).filter(([key]) => !own.includes(key))), address }
    const path = pathOfServer(this.successor)
    await ask(this.#client, { method: 'PUT', path, body, headers: { 'If-None-Match': '*' }, upstream })
    this.#undo.unshift(() => ask(this.#client, { method: 'DELETE', path, force: true }))
  }

  async #rename(name: string): Promise<void> {
    const { upstream, server } = this.#original
    this.old = { upstream, server: name }
    await ask(this.#client, { method: 'PATCH', path: pathOfServer(this.#original), body: { name } })
    this.#undo.unshift(() =>
      ask(this.#client, { method: 'PATCH', path: pathOfServer(this.old), body: { name: server } }),
    )
  }

  /**
   * Waits until the successor is healthy by Limpet's own checks, if there are any.
   *
   * @param deadline ms since 1970
   * @returns why it is not, if it is not
   */
  async untilHealthy(deadline: number, signal: AbortSignal): Promise<string | undefined> {
    const { upstream } = this.#original
    const check = await this.#check()
    const since = Date.now()
    const untilVerdict = check?.initial === 'up' ? FIRST_CHECK_WITHIN + parseDuration(check.timeout) + LOOK_TAKES : 0
    for (;;) {
      const { servers } = await this.#client.get<Upstream>(pathOfUpstream(upstream))
      const state = servers.find(({ name }) => name === this.successor.server)?.state
      if (state === undefined) return 'it was removed'
      const isUp = state.health !== 'down'
      if (check === undefined || (isUp && Date.now() - since >= untilVerdict)) return undefined
      if (signal.aborted || Date.now() + LOOK_EVERY >= deadline) return state.cause ?? 'it has not been checked yet'
      await setTimeout(LOOK_EVERY, undefined, { signal }).catch(() => {})
    }
  }

  /** How Limpet checks the servers of the upstream; undefined if it does not. */
  async #check(): Promise<Check | undefined> {
    const { upstreams } = await this.#client.get<{
      upstreams: Readonly<Record<string, { health?: { check?: Check } }>>
    }>('/v1/config')
    return upstreams[this.#original.upstream]?.health?.check
  }

  /** Carries out the steps; if they fail, everything is made as it was, and the failure thrown again. */
  async orAsBefore<Result>(steps: () => Promise<Result>): Promise<Result> {
    try {
      return await steps()
    } catch (error) {
      await this.#rollBack()
      throw error
    }
  }

  async #rollBack(): Promise<void> {
    try {
      for (const undo of this.#undo.splice(0)) await undo()
    } catch (error) {
      const { message } = error as Error
      const left = `${formatServer(this.successor)} and ${formatServer(this.old)}`
      throw new CommandFailure(`cannot undo what was done: ${message}; look at ${left} with limpet status`)
    }
  }
}

/** The new name of a server whose name goes to its successor: `web-2-old-1`. */
function formerName(name: string, servers: readonly Server[]): string {
  for (let number = 1; ; number++) {
    const former = `${name}-old-${number}`
    if (!servers.some((server) => server.name === former)) return former
  }
}
