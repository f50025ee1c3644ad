/** The npm package, installed in an empty folder as by a user. */
import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Lines } from '../support/limpet.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

function npm(folder: string, ...args: string[]): void {
  execFileSync('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], { cwd: folder, stdio: 'pipe' })
}

function registryAnswers(): boolean {
  try {
    execFileSync('npm', ['view', 'zod', 'version'], { stdio: 'pipe', timeout: 20_000 })
    return true
  } catch {
    return false
  }
}

/** Packs the program, and installs it in an empty folder; returns the folder. */
function install(context: TestContext, ...flags: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-package-'))
  context.after(() => rmSync(folder, { recursive: true }))
  npm(root, 'pack', '--pack-destination', folder)
  const [tarball] = readdirSync(folder)
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  npm(folder, 'install', `./${tarball}`, ...flags)
  return folder
}

/** Makes each thread report at its end which large modules of Node.js it has loaded, although none is needed. */
const REPORT = `process.on('exit', () => {
  const names = ['tls', 'internal/deps/undici/undici'].map((name) => 'NativeModule ' + name)
  console.error('loaded:', names.filter((name) => process.moduleLoadList.includes(name)))
})`

test('the package works without any other package, and has the licenses of its libraries', async (context) => {
  const folder = install(context, '--omit=optional', '--offline')
  assert.deepEqual(readdirSync(join(folder, 'node_modules')), ['.bin', '.package-lock.json', 'limpet'])
  const licenses = readFileSync(join(folder, 'node_modules/limpet/dist/LICENSES'), 'utf8')
  for (const library of ['zod', 'yaml', 'commander', 'pino', 'hono']) {
    assert.match(licenses, new RegExp(`^${library} [\\d.]+\\n\\n.*(MIT|ISC|Copyright)`, 'm'))
  }
  const dashboard = readdirSync(join(folder, 'node_modules/limpet/dist/dashboard'))
  assert.ok(
    ['index.html', 'index.html.br', 'assets', 'LICENSES'].every((name) => dashboard.includes(name)),
    `${dashboard}`,
  )
  const program = join(folder, 'node_modules/.bin/limpet')
  const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(REPORT)}`
  const servers = { STATIC_BACKEND: '127.0.0.1:9', DYNAMIC_BACKEND: '127.0.0.1:9' }
  const env = { ...process.env, ...servers, PORT: '0', NODE_OPTIONS }
  for (const format of ['combined', 'json']) {
    const run = spawn(program, ['run', '--access-log', format], { env })
    context.after(() => run.kill('SIGKILL'))
    const log = new Lines(run.stderr)
    const [, port] = await log.find(/listening on \S+ port (\d+)/)
    assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 502)
    run.kill('SIGTERM')
    assert.deepEqual(await once(run, 'exit'), [0, null])
    await log.find(/^loaded: /)
    assert.deepEqual(new Set(log.all.filter((line) => line.startsWith('loaded: '))), new Set(['loaded: []']))
  }
  const { stderr } = spawnSync(program, ['status', '--socket', join(folder, 'none')], { env, encoding: 'utf8' })
  assert.match(stderr, /^loaded: \[\]$/m)
})

const skip = registryAnswers() ? false : 'no npm registry answers, which is needed for its dependencies'

test('the package runs the whole lab from an empty folder', { skip }, async (t) => {
  const folder = install(t)
  const program = join(folder, 'node_modules/.bin/limpet')
  const demo = spawn(program, ['demo', '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => demo.kill('SIGKILL'))
  const [, url] = await new Lines(demo.stdout).find(/Open +(http:\S+)/)
  assert.match(await (await fetch(url!)).text(), /<title>/)
  const students = await (await fetch(`${url}api/student?count=3`)).json()
  assert.equal((students as unknown[]).length, 3)
  demo.kill('SIGINT')
  const [code] = await once(demo, 'exit')
  assert.equal(code, 0)
})
