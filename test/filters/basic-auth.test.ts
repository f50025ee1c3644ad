import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { startDataPlane } from '../support/data-plane.ts'
import { http1Client, mirrorOrigin, testBoth } from '../support/filtered.ts'
import { folderOfTests } from '../support/folder.ts'
import { configFile, runLimpet, startLimpet } from '../support/limpet.ts'

const folder = folderOfTests()

function fileOf(name: string, ...lines: readonly string[]): string {
  const file = join(folder, name)
  writeFileSync(file, `${lines.join('\n')}\n`)
  return file
}

function basic(user: string, password: string) {
  return { headers: { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` } }
}

/** By htpasswd 2.4 and argon2: the password of each is `open sésame`. */
const hashes = {
  apr1: '$apr1$Z4/0FhB8$g.iurwy285MG7Yr16Ua9R.',
  bcrypt: '$2y$05$8jV6wYONoGPzaLswPmUKAeoRyQVEsQCboFeUmx01wbAm7mFRpflvK',
  sha256: '$5$3Z9oN6TZFvxPHT53$7VmFUQB9gGnIx5ecxS.Jh6baocVrH5qhQVAkfFQH3S/',
  sha512: '$6$j8PsfrhZM.91rdrd$WApxeMRkYF3Ns7hI91V8CQzsg5p/8FcBlWj2wfU/QP52VtscYQoGE.ThM8Xq7J1llAw5k1xl1qcRvJi7fUli//',
  argon2: '$argon2id$v=19$m=4096,t=2,p=1$c2FsdHNhbHRzYWx0$1n51qxjktYpX+0nZx3pQWge+6XOvnxB4cM5Hlr9L/LQ',
}
const RIGHT = 'open sésame'
/** The same with a cost of 12, which takes a few hundred ms. */
const SLOW = '$2y$12$R2HBeI3zsPyqWSzNfJ69WOZGkExTcMZfo75SSQHi4oY8Tx.Nuy4RK'

const users = fileOf('users', ...Object.entries(hashes).map(([user, hash]) => `${user}:${hash}`), `zoë:${hashes.apr1}`)

testBoth(
  'users of the file get through, whatever their hash; the server learns their name, and not their password',
  [
    { path: '/*', filters: [{ basicAuth: { file: users, userHeader: 'X-User' } }] },
    { path: '/forwarded', filters: [{ basicAuth: { file: users, forward: true } }] },
  ],
  async (client) => {
    for (const user of [...Object.keys(hashes), 'zoë']) {
      const { headers } = await client.got('/', basic(user, RIGHT))
      assert.equal(headers.authorization, undefined)
      // The mirror's answer is UTF-8 of one character a byte.
      assert.equal(headers['x-user'], Buffer.from(user).toString('latin1'))
    }
    // Also where it is remembered, and by another name of the same header.
    const again = await client.got('/', {
      headers: { ...basic('apr1', RIGHT).headers, 'x-user': 'root', x_user: 'root' },
    })
    assert.equal(again.headers['x-user'], 'apr1')
    assert.equal(again.headers.x_user, undefined)
    const posted = await client.got('/', { ...basic('bcrypt', RIGHT), method: 'POST', body: 'x'.repeat(200_000) })
    assert.equal(posted.body.length, 200_000)
    const forwarded = await client.got('/forwarded', basic('apr1', RIGHT))
    assert.equal(forwarded.headers.authorization, basic('apr1', RIGHT).headers.authorization)
  },
)

testBoth(
  'users of the configuration itself get through as those of a file do',
  [
    {
      path: '/*',
      filters: [
        { basicAuth: { users: [`zoë:${hashes.apr1}`, `anna:${hashes.bcrypt}`, `anna:${SLOW}`], userHeader: 'X-User' } },
      ],
    },
    { path: '/one', filters: [{ basicAuth: { users: `bob:${hashes.sha256}` } }] },
  ],
  async (client) => {
    for (const user of ['anna', 'zoë'])
      assert.equal((await client.got('/', basic(user, RIGHT))).headers['x-user'], Buffer.from(user).toString('latin1'))
    assert.equal((await client.ask('/one', basic('bob', RIGHT))).status, 200)
    for (const wrong of [basic('anna', 'wrong'), basic('nobody', RIGHT), {}])
      assert.equal((await client.ask('/', wrong)).status, 401)
    assert.equal((await client.ask('/one', basic('anna', RIGHT))).status, 401)
  },
)

testBoth(
  'everybody else is asked for a password',
  [{ path: '/*', filters: [{ basicAuth: { file: users, realm: 'the "back" office \\' } }] }],
  async (client) => {
    const encoded = (text: string | Buffer) => ({
      headers: { authorization: `Basic ${Buffer.from(text).toString('base64')}` },
    })
    const refused = [
      {},
      basic('apr1', 'wrong'),
      basic('apr1', ''),
      basic('apr1', `${RIGHT}\0`),
      basic('apr1', `${RIGHT}${'x'.repeat(5000)}`),
      basic('nobody', RIGHT),
      basic('', RIGHT),
      basic('apr1\nzoë', RIGHT),
      basic(`apr1:${hashes.apr1}`, RIGHT),
      basic('apr1', hashes.apr1),
      encoded('apr1'),
      encoded(Buffer.from([0xff, 0x3a, 0xff])),
      { headers: { authorization: 'Basic' } },
      { headers: { authorization: 'Basic !!!!' } },
      { headers: { authorization: 'Bearer abc' } },
      { headers: { authorization: `Basic ${'A'.repeat(8000)}` } },
    ]
    for (const ask of refused) {
      const { status, headers } = await client.ask('/', ask)
      assert.equal(status, 401, JSON.stringify(ask))
      assert.equal(headers['www-authenticate'], 'Basic realm="the \\"back\\" office \\\\", charset="UTF-8"')
    }
    const posted = await client.ask('/', { method: 'POST', body: 'x'.repeat(200_000) })
    assert.equal(posted.status, 401)
    const api = await client.ask('/', { headers: { accept: 'application/json' } })
    assert.equal(JSON.parse(api.body).error.code, 'unauthorized')
  },
)

testBoth(
  'a file of 50,000 users is no slower to look into than one of two',
  [
    {
      path: '/*',
      filters: [
        {
          basicAuth: {
            file: fileOf('many', ...Array.from({ length: 50_000 }, (_, index) => `user${index}:${hashes.apr1}`)),
            userHeader: 'X-User',
          },
        },
      ],
    },
  ],
  async (client) => {
    for (const user of ['user0', 'user25000', 'user49999'])
      assert.equal((await client.got('/', basic(user, RIGHT))).headers['x-user'], user)
    assert.equal((await client.ask('/', basic('user50000', RIGHT))).status, 401)
  },
)

test('a password that takes long to verify delays nobody else', async (t) => {
  const client = await clientOf(t, fileOf('slow', `slow:${SLOW}`))
  const order: string[] = []
  await Promise.all([
    client.ask('/', basic('slow', 'wrong')).then(({ status }) => order.push(`wrong: ${status}`)),
    // An unknown user's takes as long.
    client.ask('/', basic('nobody', 'wrong')).then(({ status }) => order.push(`nobody: ${status}`)),
    client.ask('/open').then(({ status }) => order.push(`open: ${status}`)),
  ])
  assert.deepEqual(order, ['open: 200', 'wrong: 401', 'nobody: 401'])
})

test('beyond what can be verified in time, clients are told to come again, and not that their password is wrong', async (t) => {
  const client = await clientOf(
    t,
    fileOf('guessed', `slow:$2y$10$/dnHDeXe9Giu49ALEGNeFO.Iq1WS1mZ5bTnpljjBBKmxsK7h795r6`, `fast:${hashes.apr1}`),
  )
  assert.equal((await client.ask('/', basic('fast', RIGHT))).status, 200)
  const guesses = Array.from({ length: 40 }, (_, index) => client.ask('/', basic('slow', `guess ${index}`)))
  // A password that was verified a moment ago needs no turn.
  assert.equal((await client.ask('/', basic('fast', RIGHT))).status, 200)
  const answers = await Promise.all(guesses)
  assert.deepEqual([...new Set(answers.map(({ status }) => status))].toSorted(), [401, 503])
  for (const { status, headers } of answers) {
    assert.equal(headers['retry-after'], status === 503 ? '2' : undefined)
    assert.equal(headers['www-authenticate'] !== undefined, status === 401)
  }
  // One is verified while as many wait as one client may have.
  assert.ok(answers.filter(({ status }) => status === 401).length >= 17)
})

test('a changed file takes effect by itself; one with a mistake does not, and the log says where it is', async (t) => {
  const file = fileOf('changing', `alice:${hashes.apr1}`)
  const origin = await mirrorOrigin(t)
  const limpet = await startLimpet(t, {
    listeners: [{ address: '127.0.0.1', port: 0 }],
    routes: [{ path: '/*', upstream: 'app', filters: [{ basicAuth: { file } }] }],
    upstreams: { app: { servers: [origin.address] } },
  })
  const client = http1Client(t, limpet.port)
  const statusOf = async (user: string, password: string) => (await client.ask('/', basic(user, password))).status
  assert.equal(await statusOf('alice', RIGHT), 200)
  // The password is myPassword from now on.
  await writeFile(file, 'alice:$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/\n')
  await limpet.errors.find(/generation 2 \(changed files\): .*changing changed/)
  assert.equal(await statusOf('alice', RIGHT), 401)
  assert.equal(await statusOf('alice', 'myPassword'), 200)
  await writeFile(file, `alice:$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/\nbob:hunter2\n`)
  await limpet.errors.find(
    /changing:2: expected a hash .*, found a plain password .*what it held before stays in effect/,
  )
  assert.equal(limpet.errors.all.join('\n').includes('hunter2'), false)
  assert.equal(await statusOf('alice', 'myPassword'), 200)
  assert.equal(await statusOf('bob', 'hunter2'), 401)
})

test('the user is in the access log only where that is asked for', async (t) => {
  const origin = await mirrorOrigin(t)
  for (const fields of [undefined, ['status', 'user']]) {
    const limpet = await startLimpet(t, {
      listeners: [{ address: '127.0.0.1', port: 0 }],
      accessLog: { format: 'json', ...(fields && { fields }) },
      routes: [{ path: '/*', upstream: 'app', filters: [{ basicAuth: { file: users } }] }],
      upstreams: { app: { servers: [origin.address] } },
    })
    await http1Client(t, limpet.port).ask('/', basic('zoë', RIGHT))
    const [line] = await limpet.log.matching(/200/, 1)
    assert.equal(JSON.parse(line!).user, fields && 'zoë')
    assert.equal(line!.includes('sésame'), false)
  }
})

test('workers end as soon as their connections have, although they have verified passwords', async (t) => {
  const origin = await mirrorOrigin(t)
  const limpet = await startLimpet(t, {
    listeners: [{ address: '127.0.0.1', port: 0 }],
    // Nothing ends them by force.
    timeouts: { stop: 0 },
    routes: [{ path: '/*', upstream: 'app', filters: [{ basicAuth: { file: users } }] }],
    upstreams: { app: { servers: [origin.address] } },
  })
  assert.equal((await http1Client(t, limpet.port).ask('/', basic('bcrypt', RIGHT))).status, 200)
  limpet.process.kill('SIGTERM')
  assert.equal(await limpet.exit, 0)
})

test('a file that cannot be used is refused before anything is served, at its line and at its place in the configuration', async (t) => {
  const config = (file: string) =>
    configFile(t, {
      routes: [{ path: '/*', upstream: 'app', filters: [{ basicAuth: { file } }] }],
      upstreams: { app: { servers: ['127.0.0.1:1'] } },
    })
  const bad = fileOf('bad', `alice:${hashes.apr1}`, 'bob:{SHA}EfatjsUqKYSrqv18O1FlA3hcIHI=')
  const { code, stderr } = await runLimpet(['check', '-c', await config(bad)])
  assert.equal(code, 1)
  assert.match(stderr, /routes\[0\]\.filters\[0\]\.basicAuth\.file: .*bad:2: .*found a fast one \(SHA\).*htpasswd -B/)
  const missing = await runLimpet(['check', '-c', await config(join(folder, 'missing'))])
  assert.match(missing.stderr, /missing: cannot be read: no such file/)
  writeFileSync(join(folder, 'huge'), Buffer.alloc(9_000_000, `alice:${hashes.apr1}\n`))
  const huge = await runLimpet(['check', '-c', await config(join(folder, 'huge'))])
  assert.match(huge.stderr, /huge: expected at most 8388608 bytes, found 9000000/)
})

async function clientOf(t: TestContext, file: string) {
  const origin = await mirrorOrigin(t)
  const { port } = await startDataPlane(t, {
    routes: [
      { path: '/*', upstream: 'app', filters: [{ basicAuth: { file } }] },
      { path: '/open', upstream: 'app' },
    ],
    upstreams: { app: { servers: [origin.address] } },
  })
  return http1Client(t, port)
}
