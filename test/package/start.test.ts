/** The modules that are loaded at a start, and the cache of compiled code. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('../../bin/limpet.js', import.meta.url))

/** All static imports of a module, direct and indirect: files of this repository by their path, others by their name. */
function importsOf(entry: string): string[] {
  const found = new Set([new URL(`../../${entry}`, import.meta.url).href])
  for (const module of found) {
    if (!module.startsWith('file:')) continue
    const source = readFileSync(new URL(module), 'utf8')
    for (const [, name] of source.matchAll(/^(?:import|export) (?!type )(?:[^']*? from )?'([^']+)'/gm)) {
      found.add(name!.startsWith('.') ? new URL(name!, module).href : name!)
    }
  }
  const root = new URL('../../', import.meta.url).href
  return [...found].map((module) => module.replace(root, ''))
}

test('a worker loads only what serves requests: no library, no configuration, no control plane', () => {
  const modules = importsOf('src/worker/main.ts')
  assert.ok(modules.includes('src/exchange/exchange.ts') && modules.includes('node:net'))
  assert.deepEqual(
    modules.filter((module) => !/^(?:node:|src\/)/.test(module)),
    [],
  )
  assert.deepEqual(
    modules.filter((module) => /^src\/(?:admin|commands|config|control|export|health)\//.test(module)),
    [],
  )
  assert.ok(!modules.includes('node:http'), 'its import loads an HTTP client too')
})

test('the command line loads without the modules of the commands', () => {
  for (const entry of ['src/cli.ts', 'src/commands/run.ts']) {
    const libraries = importsOf(entry).filter((module) => !/^(?:node:|src\/)/.test(module))
    assert.deepEqual(libraries, ['commander'], entry)
  }
})

test('the control plane loads the admin API and node:http only with the first connection to it', () => {
  const modules = importsOf('src/control/balancer.ts')
  assert.deepEqual(
    modules.filter((module) => /hono|src\/admin\/admin-server|^node:http$/.test(module)),
    [],
  )
})

test('the control plane loads what obtains certificates by ACME only where a listener asks for that', () => {
  const modules = importsOf('src/control/balancer.ts')
  assert.ok(modules.includes('src/control/acme/acme-source.ts'))
  assert.deepEqual(
    modules.filter((module) =>
      /jose|x509|reflect-metadata|src\/control\/acme\/(?:acme|order|account)\.ts/.test(module),
    ),
    [],
  )
})

test('the control plane loads what exports traces only where tracing is configured', () => {
  const modules = importsOf('src/control/balancer.ts')
  assert.ok(modules.includes('src/control/tracing/tracing.ts'))
  assert.deepEqual(
    modules.filter((module) => /opentelemetry|otlp-exporter/.test(module)),
    [],
  )
})

/** Runs the program with this cache directory; returns the files that it cached there. */
function cachedIn(place: string): string[] {
  const unset = { NODE_COMPILE_CACHE: undefined, NODE_DISABLE_COMPILE_CACHE: undefined }
  const env = { ...process.env, ...unset, CACHE_DIRECTORY: place }
  const { status, stderr } = spawnSync(process.execPath, [program, '--version'], { encoding: 'utf8', env })
  assert.deepEqual([status, stderr], [0, ''])
  try {
    return readdirSync(join(place, 'limpet'))
  } catch {
    return []
  }
}

function emptyFolder(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-cache-'))
  context.after(() => rmSync(folder, { recursive: true }))
  return folder
}

test('compiled code is cached in a directory that only the user may access', (context) => {
  const folder = emptyFolder(context)
  assert.equal(cachedIn(join(folder, 'made')).length, 1)
  assert.equal(statSync(join(folder, 'made/limpet')).mode & 0o777, 0o700)
})

test('a directory that others may access is not used', (context) => {
  const folder = emptyFolder(context)
  mkdirSync(join(folder, 'limpet'))
  chmodSync(join(folder, 'limpet'), 0o755)
  assert.deepEqual(cachedIn(folder), [])
})

test('a link to a directory is not followed', (context) => {
  const folder = emptyFolder(context)
  mkdirSync(join(folder, 'elsewhere'), { mode: 0o700 })
  symlinkSync('elsewhere', join(folder, 'limpet'))
  assert.deepEqual(cachedIn(folder), [])
})

test("another user's directory is not used", {
  skip: process.getuid?.() !== 0 && 'only root can create one',
}, (context) => {
  const folder = emptyFolder(context)
  mkdirSync(join(folder, 'limpet'), { mode: 0o700 })
  chownSync(join(folder, 'limpet'), 12_345, 12_345)
  assert.deepEqual(cachedIn(folder), [])
})

test('without a usable cache directory, there is no message', () => {
  assert.deepEqual(cachedIn('/proc/nowhere'), [])
  assert.deepEqual(cachedIn('/dev/null'), [])
})
