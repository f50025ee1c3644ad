/** HUP and --watch: a changed file is applied while Limpet serves, a bad one is not, and what did not change goes on. */
import assert from 'node:assert/strict'
import { rename, writeFile } from 'node:fs/promises'
import { type TestContext, test } from 'node:test'
import { type Limpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'

interface Servers {
  readonly a: string
  readonly b: string
  readonly c: string
}

async function origins(t: TestContext): Promise<Servers> {
  const named = async (name: string) =>
    (await httpOrigin(t, (_request, response) => response.end(name))).address as string
  return { a: await named('a'), b: await named('b'), c: await named('c') }
}

const fileWith = (servers: string, more = '') => `
listeners: [{ address: 127.0.0.1, port: 0 }]
instance: reloaded
routes: [{ path: /*, upstream: app }]
upstreams: { app: { servers: [${servers}] } }
${more}`

async function answers({ url }: Limpet, count: number): Promise<string> {
  let all = ''
  for (let request = 0; request < count; request++) all += await (await fetch(url)).text()
  return all
}

test('HUP applies the changed file, logs the difference, and round robin goes on', async (t) => {
  const { a, b, c } = await origins(t)
  const limpet = await startLimpet(t, fileWith(`{ name: a, address: "${a}" }, { name: b, address: "${b}" }`))
  assert.equal(await answers(limpet, 3), 'aba')
  await writeFile(
    limpet.file,
    fileWith(`{ name: a, address: "${a}", weight: 2 }, { name: c, address: "${c}" }`, 'timeouts: { idle: 30s }'),
  )
  limpet.process.kill('SIGHUP')
  const [line] = await limpet.errors.find(/generation 2: .*/)
  assert.equal(
    line,
    'generation 2: upstream app: server b removed; upstream app: server a: weight 1 → 2; ' +
      'upstream app: server c added; timeouts.idle 75s → 30s',
  )
  assert.equal([...(await answers(limpet, 6))].sort().join(''), 'aaaacc')
  limpet.process.kill('SIGHUP')
  await limpet.errors.find(/SIGHUP: the configuration has not changed/)
})

test('a bad file changes nothing, and the log says everything that is wrong', async (t) => {
  const { a } = await origins(t)
  const limpet = await startLimpet(t, fileWith(`"${a}"`))
  await writeFile(limpet.file, fileWith(`{ address: "${a}", weight: 0, wieght: 2 }`))
  limpet.process.kill('SIGHUP')
  await limpet.errors.find(/SIGHUP: the configuration stays as it is/)
  await limpet.errors.find(/weight: expected a whole number from 1 to 65535, found 0/)
  await limpet.errors.find(/wieght: unknown key/)
  await limpet.errors.find(/2 problems in the configuration/)
  assert.equal(await answers(limpet, 1), 'a')
})

test('--watch applies a file that is replaced', async (t) => {
  const { a, b } = await origins(t)
  const limpet = await startLimpet(t, fileWith(`"${a}"`), { flags: ['--watch'] })
  await writeFile(`${limpet.file}.new`, fileWith(`"${b}"`))
  await rename(`${limpet.file}.new`, limpet.file)
  await limpet.errors.find(/generation 2: /)
  assert.equal(await answers(limpet, 2), 'bb')
})
