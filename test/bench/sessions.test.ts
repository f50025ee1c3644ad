import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { platform, tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { freePort } from '../../bench/free-port.ts'
import { CookieJar } from '../../bench/sessions/cookie-jar.ts'
import { breach } from '../../bench/sessions/outcome.ts'
import { type Survival, share, survivalOf, survivalReport } from '../../bench/sessions/report.ts'
import { User } from '../../bench/sessions/user.ts'

const bench = fileURLToPath(new URL('../../bench/sessions/main.ts', import.meta.url))
const well = { event: 'added', servers: 5, users: 2000, kept: 2000, failed: 0 }

test('runs an event, and counts the users who kept their server', {
  skip: platform() !== 'linux',
}, async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'limpet-sessions-test-'))
  context.after(() => rm(folder, { recursive: true }))
  const flags = ['--users', '100', '--peer', 'limpet-ip-hash', '--event', 'restart,addresses', '--patience', '120']
  const { stdout } = await promisify(execFile)(process.execPath, [bench, ...flags, '--output', folder])
  assert.match(stdout, /^\| \*\*Limpet, `ip-hash`\*\* \| 100 % · 0 \| [\d.]+ % · 0 \|$/m)

  const { users, entries } = JSON.parse(await readFile(join(folder, 'sessions.json'), 'utf8')) as Survival
  assert.equal(users, 100)
  const [restarted, moved] = entries[0]!.outcomes
  assert.deepEqual(
    { ...restarted, requests: 0, refused: 0, resent: 0 },
    {
      event: 'restart',
      title: 'restarted',
      servers: 4,
      users: 100,
      kept: 100,
      requests: 0,
      failed: 0,
      refused: 0,
      resent: 0,
      failures: [],
    },
  )
  assert.ok(restarted!.refused > 0, 'requests were made while the balancer did not run')
  assert.ok(restarted!.requests >= 400)
  // With these fixed addresses, about a quarter of the users stay on their server.
  assert.ok(moved!.kept > 5 && moved!.kept < 60, `${moved!.kept} kept`)
  assert.match(await readFile(join(folder, 'sessions.md'), 'utf8'), /^\| \*\*Limpet, `ip-hash`\*\* \|/m)
})

test('an unknown event is refused by name', async () => {
  await assert.rejects(
    promisify(execFile)(process.execPath, [bench, '--event', 'flood']),
    /There is no flood, but restart, /,
  )
})

test('one moved user or one failed request breaks the promise all-kept', () => {
  const contender = { promise: 'all-kept' } as const
  assert.equal(breach(contender, well), undefined)
  assert.equal(breach(contender, { ...well, kept: 1999 }), '1 of 2000 users were moved')
  assert.equal(breach(contender, { ...well, failed: 1 }), '1 requests failed')
  assert.equal(breach({ ...contender, excused: ['added'] }, { ...well, kept: 0 }), undefined)
})

test('the promise few-moved allows 1/n + 2 %', () => {
  const contender = { promise: 'few-moved' } as const
  assert.equal(breach(contender, { ...well, kept: 2000 - 440 }), undefined)
  assert.match(breach(contender, { ...well, kept: 2000 - 441 })!, /^441 of 2000 .* 22 % may be$/)
})

test('without a promise, nothing is broken', () => {
  assert.equal(breach({}, { ...well, kept: 0, failed: 9 }), undefined)
})

test('100 % is only for all users', () => {
  assert.equal(share(2000, 2000), '100 %')
  assert.equal(share(1999, 2000), '99.9 %')
})

test('a jar keeps cookies until they are deleted', () => {
  const jar = new CookieJar()
  jar.take(['a=1; Path=/', 'b=x=y; HttpOnly', 'a=2'])
  assert.equal(jar.header, 'a=2; b=x=y')
  jar.take(['a=; Max-Age=0', 'b=; Expires=Thu, 01-Jan-1970 00:00:01 GMT; Path=/'])
  assert.equal(jar.header, undefined)
})

test('a user who never tries again counts a refused connection as a failure', async () => {
  const user = new User(1, false, false)
  assert.deepEqual(await user.visit(await freePort()), { failure: 'connection refused', refused: 1, resent: 0 })
})

test('a running Limpet is changed, and users who never try again notice nothing', {
  skip: platform() !== 'linux',
}, async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'limpet-sessions-test-'))
  context.after(() => rm(folder, { recursive: true }))
  const flags = ['--users', '64', '--peer', 'limpet-learn', '--event', 'change,drain', '--output', folder]
  const { stdout } = await promisify(execFile)(process.execPath, [bench, ...flags])
  assert.match(stdout, /^\| \*\*Limpet, `learn`\*\* \| 100 % · 0 \| 100 % · 0 \|$/m)
})

test('what a contender cannot do is shown as such', () => {
  const entry = {
    contender: 'nginx',
    title: 'nginx',
    version: '1',
    outcomes: [],
    cannot: ['a server drained'],
    remarks: [],
  }
  assert.match(survivalReport(survivalOf(64, 10, [entry])), /^\| nginx \| cannot \|$/m)
})
