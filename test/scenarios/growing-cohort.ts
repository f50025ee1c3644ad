import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { Agent } from 'node:http'
import type { TestContext } from 'node:test'
import { startLimpet } from '../support/limpet.ts'
import { namedOrigins } from '../support/origin.ts'
import { User } from '../support/user.ts'

/** In percent. */
const STEPS = [5, 25, 50, 100]
const CONNECTIONS = 64

interface Scale {
  readonly users: number
  /** How many users a cohort may have more or fewer than its share: of each worker, those of a hundred that is not complete. */
  readonly off: number
}

/**
 * A new version gets 5, 25, 50 and 100 % of so many users, who keep their cookies, on two workers: by a reload each time. On `/` everybody is
 * divided; on `/new` those who have a session stay where they have it, and other users come with each step.
 */
export async function growCohort(t: TestContext, { users, off }: Scale): Promise<void> {
  const { blue, green } = await namedOrigins(t, 'blue', 'green')
  const configOf = (share: number) => {
    const split = { to: { green: `${share}%` }, override: ['header:X-Cohort', 'cookie:cohort'] }
    return {
      listeners: [{ address: '127.0.0.1', port: 0 }],
      workers: 2,
      accessLog: 'off',
      limits: { requestsPerConnection: 'unlimited' },
      routes: [
        { path: '/new', upstream: 'shop', filters: [{ split: { ...split, only: 'new' } }] },
        { path: '/*', upstream: 'blue', filters: [{ split }] },
      ],
      upstreams: {
        blue: { servers: [blue.address] },
        shop: { servers: [blue.address], affinity: 'cookie' },
        green: { servers: [green.address] },
      },
    }
  }
  const limpet = await startLimpet(t, configOf(STEPS[0]!))
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  t.after(() => agent.destroy())
  /** Where each of them is sent. */
  const placesOf = (who: readonly User[], path: string, headers = {}) =>
    Promise.all(
      who.map(async (user) => {
        const { status, body } = await user.get(limpet.port, path, headers)
        assert.equal(status, 200)
        return body.split(' ')[0]!
      }),
    )
  const someUsers = (count: number) => Array.from({ length: count }, () => new User(agent))
  const shareOf = (places: readonly string[]) =>
    (100 * places.filter((place) => place === 'green').length) / places.length
  const assertShare = (places: readonly string[], share: number) => {
    const found = (shareOf(places) * places.length) / 100
    const wanted = (share * places.length) / 100
    assert.ok(Math.abs(found - wanted) <= off, `${found} of ${places.length} users at ${share} %`)
  }

  const everybody = someUsers(users)
  let before = everybody.map(() => 'blue')
  const withSessions: { readonly users: readonly User[]; readonly places: readonly string[] }[] = []
  for (const [step, share] of STEPS.entries()) {
    if (step > 0) {
      await writeFile(limpet.file, JSON.stringify(configOf(share)))
      limpet.process.kill('SIGHUP')
      await limpet.errors.find(new RegExp(`generation ${step + 1}: `))
    }
    const places = await placesOf(everybody, '/')
    const back = places.filter((place, user) => place === 'blue' && before[user] === 'green').length
    assert.equal(back, 0, `${back} users went back at ${share} %`)
    assertShare(places, share)
    assert.deepEqual(await placesOf(everybody, '/'), places, 'a user stays while the share does')

    const named = everybody.slice(0, 50)
    assert.equal(shareOf(await placesOf(named, '/', { 'X-Cohort': 'green' })), 100)
    assert.equal(shareOf(await placesOf(named, '/', { 'X-Cohort': 'blue' })), 0)
    const [tester] = someUsers(1)
    tester!.cookies.set('cohort', share === 100 ? 'blue' : 'green')
    assert.deepEqual(await placesOf([tester!], '/'), [share === 100 ? 'blue' : 'green'])

    const comers = someUsers(users / STEPS.length)
    const ofComers = await placesOf(comers, '/new')
    assertShare(ofComers, share)
    for (const { users, places } of withSessions)
      for (const [user, place] of (await placesOf(users, '/new')).entries())
        if (places[user] === 'blue') assert.equal(place, 'blue', 'a user with a session stays')
        else assert.equal(place, 'green', 'nobody goes back')
    withSessions.push({ users: comers, places: ofComers })
    t.diagnostic(
      `${share} %: ${shareOf(places).toFixed(2)} % of ${users} users, nobody back; ` +
        `${shareOf(ofComers).toFixed(2)} % of ${comers.length} new users, those with a session stayed`,
    )
    before = places
  }
}
