import { readFile } from 'node:fs/promises'
import { Command } from 'commander'
import type { Move, Plan, SplitMove, UpstreamPlan } from '../planning/answers.ts'
import { AdminClient } from './admin-client.ts'
import { type AdminOptions, withAdminOptions, withExamples } from './admin-options.ts'
import { countOf, formatCount } from './count.ts'
import { printJson } from './json.ts'
import { formatTable } from './table.ts'

interface PlanOptions extends AdminOptions {
  readonly against?: string
  readonly exitCode?: boolean
}

/** The exit code with `--exit-code` if anything would change. */
const WOULD_CHANGE = 3

/** `limpet plan`: what another configuration would change. */
export function planCommand(): Command {
  const command = new Command('plan')
    .summary('show what another configuration would change, and whom it would move')
    .description(
      'Shows what another configuration would change in the running Limpet, and how many of the live sessions would move, ' +
        'from which server to which and why. Nothing is changed.',
    )
    .argument('<file>', 'the other configuration file')
    .option('--against <file>', 'compare with this file instead of the running Limpet; files have no sessions')
    .option('--exit-code', `exit with ${WOULD_CHANGE} if anything would change`)
    .action(showPlan)
  return withExamples(
    withAdminOptions(command),
    'limpet plan limpet.yaml.new',
    'limpet plan limpet.yaml.new --against limpet.yaml --exit-code',
  )
}

async function showPlan(file: string, { against, exitCode, ...options }: PlanOptions): Promise<void> {
  const plan = against === undefined ? await planByRunning(file, options) : await planOfFiles(against, file)
  if (options.json) printJson(plan)
  else console.log(textOf(plan))
  if (exitCode && plan.changes.length > 0) process.exitCode = WOULD_CHANGE
}

async function planByRunning(file: string, options: AdminOptions): Promise<Plan> {
  const body = await readFile(file, 'utf8')
  const client = await AdminClient.from(options)
  return client.change('POST', '/v1/plan', { body, headers: { 'Content-Type': 'application/yaml' } })
}

async function planOfFiles(before: string, next: string): Promise<Plan> {
  const { loadConfig } = await import('../config/load.ts')
  const { differenceInWords } = await import('../control/desired/difference-in-words.ts')
  const [one, other] = [before, next].map((file) => loadConfig({ file, env: process.env, cwd: process.cwd() }).config)
  const sessions = { live: 0, stay: 0, move: 0, refused: 0, unserved: 0 }
  return { changes: differenceInWords(one!, other!), sessions, upstreams: [], splits: [] }
}

function textOf({ changes, sessions, upstreams, splits }: Plan): string {
  if (changes.length === 0) return 'nothing would change'
  const { live, stay, move, refused, unserved } = sessions
  const parts = [
    [stay, 'stay'],
    [move, 'move'],
    [refused, 'are refused'],
    [unserved, 'find no server'],
  ] as const
  const counts = parts.flatMap(([count, what]) => (count === 0 ? [] : `${formatCount(count)} ${what}`))
  const total = live === 0 ? [] : [`\nof ${countOf(live, 'live session')}, ${counts.join(', ')}`]
  return [
    ...changes,
    ...total,
    ...splitLines(splits),
    ...upstreams.filter(({ moves }) => moves.length > 0).map(paragraph),
  ].join('\n')
}

function splitLines(splits: readonly SplitMove[]): string[] {
  return splits.map(({ route, from, to, share, sessions }, index) => {
    const isOneWay = !splits.some((each) => each.route === route && each.from === to && each.to === from)
    const who = `${Number((share * 100).toFixed(2))}% of the users of upstream ${from}`
    const about = sessions > 0 ? ` (about ${countOf(sessions, 'session')})` : ''
    const words = `route ${route}: ${who} move to upstream ${to}${about}${isOneWay ? ', none back' : ''}`
    return index === 0 ? `\n${words}` : words
  })
}

function paragraph({ name, sessions, isExact, areTargetsExact, because, moves, servers }: UpstreamPlan): string {
  const rows = moves.map(({ from, to, outcome, sessions, why }) => [
    from,
    outcome === 'moved' ? (to ?? '') : outcome,
    formatCount(sessions),
    inWords(why),
  ])
  const exactness = areTargetsExact ? 'exact' : isExact ? 'exact, but about how many come to each server' : 'about'
  return [
    `\nupstream ${name}: of ${countOf(sessions.live, 'session')}, ${formatCount(sessions.stay)} stay (${exactness})`,
    formatTable(['FROM', 'TO', 'SESSIONS', 'WHY'], rows, ['FROM', 'TO', 'WHY']),
    formatTable(
      ['SERVER', 'NOW', 'AFTERWARDS'],
      servers.map((server) => [server.name, formatCount(server.now), formatCount(server.afterwards)]),
      ['SERVER'],
    ),
    ...because.map((cause) => `  ! ${cause}`),
  ].join('\n')
}

function inWords(why: Move['why']): string {
  switch (why) {
    case 'removed':
      return 'the server is removed'
    case 'down':
      return 'the server is disabled'
    case 'drained':
      return 'the server gives up its sessions'
    case 'away':
    case 'unhealthy':
    case 'ejected':
    case 'suspended':
    case 'full':
      return `the server is ${why}`
    case 'backup':
      return 'the server is a backup, and another may serve'
    case 'hash':
      return 'its key belongs to another server'
    case 'expired':
      return 'it is over by a shorter limit'
    case 'affinity-changed':
      return 'the new affinity does not know it'
    case 'upstream-removed':
      return 'the upstream is removed'
    case 'no-route':
      return 'no route leads there any more'
  }
}
