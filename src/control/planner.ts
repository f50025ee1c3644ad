import { OperationRefused } from '../admin/operation-refused.ts'
import type { Explanation, Plan, PlannedChange, Planning, Query } from '../admin/planning.ts'
import type { Scene } from '../planning/explain.ts'
import { parseIpAddress, UNIX_ADDRESS, UNKNOWN_ADDRESS } from '../runtime/ip-address.ts'
import { compile } from './compile.ts'
import { type DesiredState, desiredState } from './desired/desired-state.ts'
import { differenceInWords } from './desired/difference-in-words.ts'
import type { LoadAgain } from './desired/restored.ts'
import { changeServer, upstreamIn } from './desired/server-verbs.ts'
import type { Handover } from './handover.ts'
import { editOf, refusalOf } from './operator.ts'
import type { Parts } from './parts.ts'

/** How many plans are made at a time: each looks at every session. */
const MOST_PLANS = 4
/** Nothing is refused that would leave an upstream without servers: a plan shows it. */
const FORCE = { force: true, isWell: () => true }

/** Finds out what operators ask for without wanting it done: with the code of planning/, on what is counted and known now. */
export class Planner implements Planning {
  readonly #parts: Parts
  readonly #handover: Handover
  readonly #load: LoadAgain
  #planning = 0

  constructor(parts: Parts, handover: Handover, load: LoadAgain) {
    this.#parts = parts
    this.#handover = handover
    this.#load = load
  }

  plan(text: string): Promise<Plan> {
    return this.#plan(({ found, changes }) => desiredState(this.#load({ text, name: 'plan' }), found, changes))
  }

  planServer(upstream: string, server: string, { then, ...change }: PlannedChange): Promise<Plan> {
    return this.#plan((now) => {
      const { deadline, spread } = upstreamIn(now.config, upstream).drain
      const drain =
        then === undefined ? {} : { drain: { startedAt: Date.now(), deadline, spread, then, isCut: true as const } }
      const edit = { ...editOf(change), ...drain }
      return changeServer(now, { upstream, server }, edit, FORCE, { by: 'plan', at: Date.now() })
    })
  }

  async #plan(make: (now: DesiredState) => DesiredState): Promise<Plan> {
    if (this.#planning >= MOST_PLANS) throw new OperationRefused('busy', `${MOST_PLANS} plans are being made already`)
    this.#planning++
    try {
      const { supervisor, scoreboard, sessions, slots, state, hosts } = this.#parts
      const { plan } = await import('../planning/plan.ts')
      const { config } = this.#handover
      const next = this.#handover.named(make(this.#handover.desired).config)
      const current = supervisor.snapshot
      const compiled = compile(next, current.generation + 1, slots, () => state.secret(), undefined, hosts.addresses)
      const changes = differenceInWords(config, next)
      return await plan({ current, next: compiled, scoreboard, sessions: sessions.table, changes })
    } catch (error) {
      throw refusalOf(error)
    } finally {
      this.#planning--
    }
  }

  async explain(query: Query): Promise<Explanation> {
    const { explain } = await import('../planning/explain.ts')
    try {
      return await explain(this.#scene, query)
    } catch (error) {
      if (error instanceof RangeError) throw new OperationRefused('invalid', error.message)
      throw error
    }
  }

  async explainShown(id: string): Promise<Explanation> {
    const shown = this.#parts.tail.shown(id)
    if (shown === undefined) {
      const hint = 'only requests of /v1/requests/stream can be explained, within 15 minutes'
      throw new OperationRefused('not-found', `no request ${JSON.stringify(id)} was shown lately; ${hint}`)
    }
    const { method, host, target, isMasked, client: ip, isSecure, certificate, head } = shown
    if (head === undefined) {
      throw new OperationRefused('conflict', 'its head was not kept: it is larger than 16 KiB, or was not understood')
    }
    const { explainReceived } = await import('../planning/explain.ts')
    const [path = '', ...query] = target.split(/(?=\?)/)
    return explainReceived(this.#scene, {
      asked: { method, host, path, ip },
      head: Buffer.from(head),
      address: ip === UNIX_ADDRESS.text ? UNIX_ADDRESS : (parseIpAddress(ip) ?? UNKNOWN_ADDRESS),
      isSecure,
      certificate,
      ...(isMasked && { shownAs: { path, query: query.join('') } }),
    })
  }

  /** What requests meet now. */
  get #scene(): Scene {
    const { supervisor, scoreboard, sessions, limits } = this.#parts
    return { snapshot: supervisor.snapshot, scoreboard, sessions: sessions.table, bans: supervisor.bans, limits }
  }
}
