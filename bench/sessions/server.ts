// The program of every server in the survival table: an application that keeps its sessions in memory.
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import { type Answer, SESSION_COOKIE, TRY_HEADER, USER_HEADER, VISIT_HEADER } from './answer.ts'

const [name, instance, port] = process.argv.slice(2) as [string, string, string]
const sessions = new Set<string>()
/** The newest visit of each user, and the number of its tries. */
const visits = new Map<string, { readonly visit: string; readonly tried: number }>()

// Longer than any balancer keeps a connection, so that the server never closes one that is being reused.
const server = createServer({ keepAliveTimeout: 3_600_000, requestTimeout: 0 }, (request, response) => {
  if (!sessions.has(sessionOf(request))) {
    const session = randomUUID()
    sessions.add(session)
    response.setHeader('Set-Cookie', `${SESSION_COOKIE}=${session}; Path=/; HttpOnly`)
  }
  const answer: Answer = { server: name, instance, isRepeated: notice(request) }
  const body = JSON.stringify(answer)
  response.setHeader('Content-Type', 'application/json').setHeader('Content-Length', body.length).end(body)
})
server.listen(Number(port), '127.0.0.1')
// Requests in flight are answered.
process.on('SIGTERM', () => server.close())

function sessionOf({ headers }: IncomingMessage): string {
  const pair = headers.cookie?.split('; ').find((each) => each.startsWith(`${SESSION_COOKIE}=`))
  return pair?.slice(SESSION_COOKIE.length + 1) ?? ''
}

/** Whether an earlier try of the same visit reached this server. A retry by the balancer does not count as a try. */
function notice({ headers }: IncomingMessage): boolean {
  const user = String(headers[USER_HEADER])
  const visit = String(headers[VISIT_HEADER])
  const tried = Number(headers[TRY_HEADER])
  const before = visits.get(user)
  visits.set(user, { visit, tried })
  return before?.visit === visit && before.tried < tried
}
