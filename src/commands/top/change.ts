import type { Applied, Server } from '../../admin/answers.ts'
import type { Plan, PlannedChange } from '../../admin/planning.ts'
import type { AdminClient } from '../admin-client.ts'
import { ask } from '../change.ts'
import { countOf, formatCount } from '../count.ts'
import { startDrain } from '../drain.ts'
import { formatDrain } from '../drain-progress.ts'
import { formatServer, pathOfServer, type ServerArgument } from '../server-argument.ts'

/** A change of a server that the keyboard asks for. */
export type ServerAction =
  | { readonly type: 'drain' }
  | { readonly type: 'ready' }
  | { readonly type: 'weight'; readonly weight: number }

export function actionText(action: ServerAction, target: ServerArgument): string {
  const name = formatServer(target)
  if (action.type === 'drain') return `Drain ${name}`
  return action.type === 'ready' ? `Let ${name} serve everybody again` : `Set the weight of ${name} to ${action.weight}`
}

/** What the action would do, in lines. */
export async function planned(client: AdminClient, target: ServerArgument, action: ServerAction): Promise<string[]> {
  const path = `${pathOfServer(target)}/plan`
  const plan = await client.change<Plan>('POST', path, { body: await plannedChange(client, target, action) })
  return planLines(plan, action)
}

/** Carries it out, and resolves to what has been done. */
export async function carryOut(client: AdminClient, target: ServerArgument, action: ServerAction): Promise<string> {
  if (action.type === 'drain') return formatDrain(await startDrain(client, target, {}))
  const body = action.type === 'ready' ? { admin: 'ready' } : { weight: action.weight }
  const { changes } = await ask<Applied>(client, { method: 'PATCH', path: pathOfServer(target), body, ...target })
  return changes.length === 0 ? `${formatServer(target)} is so already` : changes.join('; ')
}

/** A drain is planned as of its deadline, with what becomes then of those who are left. */
async function plannedChange(
  client: AdminClient,
  target: ServerArgument,
  action: ServerAction,
): Promise<PlannedChange> {
  if (action.type === 'ready') return { admin: 'ready' }
  if (action.type === 'weight') return { weight: action.weight }
  const config = await client.get<{ upstreams: Record<string, { drain?: { then?: PlannedChange['then'] } }> }>(
    '/v1/config',
  )
  // biome-ignore lint/suspicious/noThenProperty: it is data, and nobody awaits it.
  return { admin: 'drain', then: config.upstreams[target.upstream]?.drain?.then ?? 'move' }
}

function planLines({ changes, sessions, upstreams }: Plan, { type }: ServerAction): string[] {
  const { live, stay, move, refused, unserved } = sessions
  const outcomes = [
    [stay, 'stay'],
    [move, 'move'],
    [refused, 'are refused'],
    [unserved, 'find no server'],
  ] as const
  const counts = outcomes.flatMap(([count, what]) => (count === 0 ? [] : `${formatCount(count)} ${what}`))
  const moves = upstreams.flatMap(({ moves }) => moves)
  return [
    ...(changes.length === 0 ? ['nothing would change'] : changes),
    ...(type === 'drain' ? ['its users stay until they leave; if none has left at the deadline:'] : []),
    live === 0 ? 'no session is live' : `of ${countOf(live, 'live session')}, ${counts.join(', ')}`,
    ...moves.map(({ from, to, outcome, sessions }) => {
      return `  ${from} → ${outcome === 'moved' ? to : outcome}: ${countOf(sessions, 'session')}`
    }),
  ]
}

/** Whether there would be anything to do. */
export function isSo({ state, weight }: Server, action: ServerAction): boolean {
  if (action.type === 'weight') return weight === action.weight
  return state.admin === action.type
}
