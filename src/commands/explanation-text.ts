import type { ExplainedFilter, ExplainedRoute, ExplainedUpstream, Explanation } from '../planning/answers.ts'
import { formatTable } from './table.ts'

/** An explanation for a terminal. */
export function explanationText(explanation: Explanation): string {
  const { summary, listener, route, closest, filters, upstream, session, candidates } = explanation
  const lines = [summary]
  if (listener !== undefined) lines.push(`  listener: ${listener}`)
  if (route !== null) {
    lines.push(`  route: ${routeText(route)}`)
    if (route.before !== undefined) lines.push(`  next would be ${route.before}`)
  } else lines.push(...closest.map((each) => `  ! ${each}`))
  if (filters.length > 0) lines.push(formatTable(['FILTER', ''], filters.flatMap(rowsOf(explanation)), ['FILTER', '']))
  if (upstream === null) return lines.join('\n')
  const { affinity } = upstream
  lines.push(`  ${upstreamText(upstream)}`)
  if (affinity !== null) lines.push(`  session: ${session?.words ?? 'the request shows none'}`)
  const rows = candidates.map((one) => [one.server, one.address, String(one.weight), String(one.inFlight), one.words])
  lines.push(formatTable(['SERVER', 'ADDRESS', 'WEIGHT', 'IN FLIGHT', ''], rows, ['SERVER', 'ADDRESS', '']))
  return lines.join('\n')
}

const RESPONSE = 'response: '
const INDENT = ' '.repeat(RESPONSE.length)

/** The lines about a filter; its name is on the first one. */
function rowsOf({ status }: Explanation): (filter: ExplainedFilter) => string[][] {
  return ({ name, decision, request, response }) => {
    const found = request.join('; ')
    const decided = {
      'goes-on': request,
      answers: [`answers ${status}${found && ` (${found})`}`],
      open: request,
      'not-reached': ['not reached'],
    }[decision]
    const words = [...decided, ...response.map((each, index) => (index === 0 ? RESPONSE : INDENT) + each)]
    return (words.length > 0 ? words : ['goes on']).map((each, index) => [index === 0 ? name : '', each])
  }
}

function upstreamText({ name, balance, affinity, protocol, tls }: ExplainedUpstream): string {
  const words = [balance]
  if (affinity !== null && affinity !== balance) words.push(`affinity ${affinity}`)
  if (protocol !== undefined) words.push(`protocol ${protocol}`)
  if (tls) words.push('by TLS')
  return `upstream ${name}: ${words.join(', ')}`
}

function routeText({ host, path, because }: ExplainedRoute): string {
  return `${host ?? ''}${path} (${because.join('; ')})`
}
