/** An application with express-session, which keeps sessions in memory by default, on three servers. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import express from 'express'
import session from 'express-session'
import { startLimpet } from '../support/limpet.ts'
import { addressesOf, httpOrigin, type Origin } from '../support/origin.ts'
import { User } from '../support/user.ts'

declare module 'express-session' {
  interface SessionData {
    visits: number
  }
}

const SESSIONS = 1000
const VISITS = 5
/** Users in the middle of a request at any time. */
const LANES = 32

/** Counts the visits of a session; a server that does not know it begins at 1. */
function counter(test: TestContext): Promise<Origin> {
  const application = express()
  application.use(session({ secret: 'the same on every server', resave: false, saveUninitialized: false }))
  application.get('/', ({ session }, response) => {
    session.visits = (session.visits ?? 0) + 1
    response.send(String(session.visits))
  })
  return httpOrigin(test, application)
}

/** Sends each user's next request, and resolves to the answers. */
async function visit(users: readonly User[], port: number): Promise<string[]> {
  const answers: string[] = []
  let next = 0
  const lane = async () => {
    while (next < users.length) {
      const index = next++
      const { status, body } = await users[index]!.get(port)
      answers[index] = status === 200 ? body : `status ${status}`
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  return answers
}

describe('an application that keeps its sessions in memory, on three servers', () => {
  const affinities = {
    cookie: '{ type: cookie, secrets: [the secret of this test] }',
    learn: '{ type: learn, from: "cookie:connect.sid" }',
  }
  for (const [type, affinity] of Object.entries(affinities)) {
    test(`loses none of ${SESSIONS} sessions in ${VISITS} requests each, by ${type}`, async (t) => {
      const origins = await Promise.all(Array.from({ length: 3 }, () => counter(t)))
      const config = `
        listeners: [{ address: 127.0.0.1, port: 0 }]
        workers: 2
        routes: [{ path: /*, upstream: app }]
        upstreams: { app: { affinity: ${affinity}, servers: [${addressesOf(origins)}] } }
      `
      const limpet = await startLimpet(t, config)
      const users = Array.from({ length: SESSIONS }, () => new User())
      for (let turn = 1; turn <= VISITS; turn++) {
        const answers = await visit(users, limpet.port)
        assert.deepEqual(
          answers.filter((answer) => answer !== String(turn)),
          [],
          `in turn ${turn}`,
        )
      }
      for (const { address } of origins)
        assert.ok(
          limpet.log.all.some((line) => line.includes(address)),
          'all serve',
        )
    })
  }
})
