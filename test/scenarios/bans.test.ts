/** Addresses that an operator has banned: refused by all workers, until the time is over, also after a restart. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { get } from 'node:http'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { adminOf } from '../support/admin.ts'
import { temporaryFolder } from '../support/folder.ts'
import { type Limpet, runLimpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { until } from '../support/until.ts'
import { ended, onLinux, upgrade } from '../support/upgraded.ts'

let instances = 0

/** Clients are whom `X-Forwarded-For` names. */
async function configOf(t: TestContext): Promise<string> {
  const { address } = await httpOrigin(t, (_request, response) => response.end('here'))
  return `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 2
    instance: bans-${process.pid}-${++instances}
    trustedProxies: [127.0.0.1, 'unix:']
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { servers: ['${address}'] } }
  `
}

/** The statuses of requests by these clients, each on a connection of its own, so that all workers answer some. */
async function statuses({ port }: Pick<Limpet, 'port'>, ...clients: string[]): Promise<number[]> {
  return Promise.all(
    clients.map(async (client) => {
      const headers = { 'X-Forwarded-For': client }
      const [response] = await once(get({ host: '127.0.0.1', port, headers, agent: false }), 'response')
      response.resume()
      return response.statusCode as number
    }),
  )
}

test('a banned address gets 403 from every worker as soon as the API has answered, and nobody else does', async (t) => {
  const limpet = await startLimpet(t, await configOf(t))
  const ask = await adminOf(limpet)
  const times = <Item>(item: Item) => Array<Item>(10).fill(item)
  assert.deepEqual(await statuses(limpet, ...times('203.0.113.9')), times(200))
  const banned = await ask('POST', '/v1/bans', { address: '203.0.113.9', for: '1h', reason: 'tries passwords' })
  assert.equal(banned.status, 200)
  assert.deepEqual(await statuses(limpet, ...times('203.0.113.9')), times(403))
  assert.deepEqual(await statuses(limpet, '203.0.113.8', '203.0.113.90', '2001:db8::9'), [200, 200, 200])
  const { address, by, reason, since, until: end } = banned.body
  assert.deepEqual({ address, by, reason }, { address: '203.0.113.9', by: 'socket', reason: 'tries passwords' })
  assert.equal(Date.parse(end) - Date.parse(since), 3_600_000)
  assert.deepEqual((await ask('GET', '/v1/bans')).body, { bans: [banned.body] })
  assert.deepEqual((await ask('DELETE', '/v1/bans/203.0.113.9')).body, banned.body)
  assert.deepEqual(await statuses(limpet, ...times('203.0.113.9')), times(200))
  assert.deepEqual((await ask('GET', '/v1/bans')).body, { bans: [] })
  await limpet.errors.find(/203\.0\.113\.9 is banned until \S+Z, by socket: tries passwords/)
  await limpet.errors.find(/203\.0\.113\.9 is no longer banned, by socket/)
})

test('ranges of both families are banned, and each ban ends alone', async (t) => {
  const limpet = await startLimpet(t, await configOf(t))
  const ask = await adminOf(limpet)
  const clients = [
    '203.0.113.200',
    '203.0.113.9',
    '203.0.112.1',
    '2001:db8:1::9',
    '2001:db8:2::9',
    '::ffff:203.0.113.7',
  ]
  for (const address of ['203.0.113.0/24', '203.0.113.9', '2001:db8:1::/48'])
    assert.equal((await ask('POST', '/v1/bans', { address, for: '10m' })).status, 200)
  assert.deepEqual(await statuses(limpet, ...clients), [403, 403, 200, 403, 200, 403])
  assert.equal((await ask('DELETE', '/v1/bans/203.0.113.0%2F24')).status, 200)
  assert.deepEqual(await statuses(limpet, ...clients), [200, 403, 200, 403, 200, 200])
})

test('a ban ends by itself when its time is over, and a repeated one has another end', async (t) => {
  const limpet = await startLimpet(t, await configOf(t))
  const ask = await adminOf(limpet)
  await ask('POST', '/v1/bans', { address: '203.0.113.1', for: '1h' })
  await ask('POST', '/v1/bans', { address: '203.0.113.1', for: '300ms' })
  await ask('POST', '/v1/bans', { address: '203.0.113.2', for: '1h' })
  await limpet.errors.find(/203\.0\.113\.1 is no longer banned: its time is over/)
  assert.deepEqual(await statuses(limpet, '203.0.113.1', '203.0.113.2'), [200, 403])
})

test('bans outlive a restart, those that are over do not, and a file that makes no sense is put aside', async (t) => {
  const config = await configOf(t)
  const env = { STATE_DIRECTORY: await temporaryFolder(t) }
  const first = await startLimpet(t, config, { env })
  const ask = await adminOf(first)
  await ask('POST', '/v1/bans', { address: '203.0.113.1', for: '1h' })
  await ask('POST', '/v1/bans', { address: '203.0.113.2', for: '1ms' })
  first.process.kill('SIGKILL')
  await first.exit
  const second = await startLimpet(t, config, { env })
  assert.deepEqual(await statuses(second, '203.0.113.1', '203.0.113.2'), [403, 200])
  second.process.kill('SIGTERM')
  await second.exit
  const file = join(env.STATE_DIRECTORY, `bans-bans-${process.pid}-${instances}.json`)
  assert.match(await readFile(file, 'utf8'), /"range":"203\.0\.113\.1"/)
  await writeFile(file, '{"version":1,"bans":[{"range":"nonsense"}]}')
  const third = await startLimpet(t, config, { env })
  assert.deepEqual(await statuses(third, '203.0.113.1'), [200])
  await third.errors.find(/bans-bans-\S+\.json cannot be understood, and is ignored/)
})

test('bans outlive an upgrade of the program', onLinux, async (t) => {
  const limpet = await startLimpet(t, await configOf(t))
  const ask = await adminOf(limpet)
  await ask('POST', '/v1/bans', { address: '203.0.113.1', for: '1h' })
  const pid = await upgrade(t, limpet)
  assert.deepEqual(await statuses(limpet, '203.0.113.1', '203.0.113.2'), [403, 200])
  // The process that has been replaced may have accepted a connection just before: it refuses what is asked for on it, or closes it.
  const lift = () => ask('DELETE', '/v1/bans/203.0.113.1').catch(() => undefined)
  await until(async () => [200, 404].includes((await lift())?.status ?? 0))
  assert.deepEqual(await statuses(limpet, '203.0.113.1'), [200])
  process.kill(pid, 'SIGTERM')
  await ended(pid)
})

test('a request in flight on the connection of a banned client ends as it began; the next one is refused', async (t) => {
  let answer = () => {}
  const asked = Promise.withResolvers<void>()
  const { address } = await httpOrigin(t, (_request, response) => {
    answer = () => response.end('late')
    asked.resolve()
  })
  const config = (await configOf(t)).replace(/servers: \['[^']+'\]/, `servers: ['${address}']`)
  const limpet = await startLimpet(t, config)
  const ask = await adminOf(limpet)
  const client = await RawClient.connect(t, limpet.port)
  const request = 'GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.1\r\n\r\n'
  client.say(request)
  await asked.promise
  await ask('POST', '/v1/bans', { address: '203.0.113.1', for: '1h' })
  answer()
  await client.hear(/late/)
  client.say(request)
  await client.hear(/HTTP\/1\.1 403 Forbidden.*refused at present/s)
})

test('bans that make no sense are refused, and say why', async (t) => {
  const limpet = await startLimpet(t, await configOf(t))
  const ask = await adminOf(limpet)
  const refused = async (body: object) => {
    const { status, body: problem } = await ask('POST', '/v1/bans', body)
    return `${status} ${problem.detail}`
  }
  assert.match(await refused({ address: '10.0.0.1/8', for: '1h' }), /^400 expected a range .*write 10\.0\.0\.0\/8/)
  assert.match(await refused({ address: '0.0.0.0/0', for: '1h' }), /^400 .*would ban everybody/)
  assert.match(await refused({ address: '::/0', for: '1h' }), /^400 .*would ban everybody/)
  assert.match(await refused({ address: 'example.org', for: '1h' }), /^400 expected an IP address/)
  assert.match(await refused({ address: '10.0.0.1', for: '0' }), /^400 body: for: expected a duration of more than 0/)
  assert.match(await refused({ address: '10.0.0.1', for: '400d' }), /^400 .*at most 366d/)
  assert.match(await refused({ address: '10.0.0.1', for: '1h', reason: 'a\nb' }), /^400 .*printable/)
  assert.match(await refused({ address: '10.0.0.1' }), /^400 /)
  const unknown = await ask('DELETE', '/v1/bans/10.0.0.7')
  assert.deepEqual([unknown.status, /10\.0\.0\.7 is not banned/.test(unknown.body.detail)], [404, true])
  assert.deepEqual((await ask('GET', '/v1/bans')).body, { bans: [] })
})

test('events, explain and the commands show bans', async (t) => {
  const limpet = await startLimpet(t, await configOf(t))
  const [, socket] = await limpet.errors.find(/admin API answers on unix:(\S+)/)
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await runLimpet([...args, '--socket', socket!])
    return `${code} ${stdout}${stderr}`
  }
  assert.match(await run('bans'), /^0 nobody is banned$/)
  assert.match(
    await run('ban', '203.0.113.0/24', '--for', '2h', '--reason', 'scans'),
    /^0 203\.0\.113\.0\/24: banned until .*\((?:2 h|1 h 59 min)\)$/,
  )
  assert.match(await run('bans'), /203\.0\.113\.0\/24 +(?:2 h|1 h 59 min) +socket +scans/)
  assert.match(
    await run('explain', '--path', '/', '--ip', '203.0.113.5'),
    /answers 403: 203\.0\.113\.5 is banned until /,
  )
  assert.match(await run('explain', '--path', '/', '--ip', '203.0.114.5'), /goes to server/)
  assert.match(await run('unban', '203.0.113.1'), /^1 .*203\.0\.113\.1 is not banned/)
  assert.match(await run('unban', '203.0.113.0/24'), /^0 203\.0\.113\.0\/24: no longer banned$/)
})

test('as many as 10,000 bans are kept; one more is refused', async (t) => {
  const config = await configOf(t)
  const env = { STATE_DIRECTORY: await temporaryFolder(t) }
  const file = join(env.STATE_DIRECTORY, `bans-bans-${process.pid}-${instances}.json`)
  const bans = Array.from({ length: 9999 }, (_, index) => ({
    range: `10.${index >> 8}.${index & 255}.1`,
    since: 0,
    until: Date.now() + 3_600_000,
    by: 'test',
  }))
  await writeFile(file, JSON.stringify({ version: 1, bans }))
  const limpet = await startLimpet(t, config, { env })
  const ask = await adminOf(limpet)
  assert.deepEqual(await statuses(limpet, '10.39.14.1', '10.39.14.2', '10.39.15.1'), [403, 200, 200])
  assert.equal((await ask('POST', '/v1/bans', { address: '10.39.15.1', for: '1h' })).status, 200)
  const refused = await ask('POST', '/v1/bans', { address: '10.39.16.1', for: '1h' })
  assert.deepEqual([refused.status, /10000 bans are in effect/.test(refused.body.detail)], [409, true])
  // One that is banned already has another end.
  assert.equal((await ask('POST', '/v1/bans', { address: '10.39.14.1', for: '1h' })).status, 200)
})
