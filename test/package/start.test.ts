/** What is loaded at a start, and where the compiled code of the last one is kept. */
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

/** All that a module imports before it runs, by and by: files of this repository as their paths, all else by its name. */
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

test('a worker loads what serves: no library, no configuration, no control plane', () => {
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

test('the command line is there without what the commands need', () => {
  for (const entry of ['src/cli.ts', 'src/commands/run.ts']) {
    const libraries = importsOf(entry).filter((module) => !/^(?:node:|src\/)/.test(module))
    assert.deepEqual(libraries, ['commander'], entry)
  }
})

test('the control plane loads the admin API and node:http only where they are asked for', () => {
  const modules = importsOf('src/control/balancer.ts')
  assert.deepEqual(
    modules.filter((module) => /hono|src\/admin\/admin-server|^node:http$/.test(module)),
    [],
  )
})

/** Runs the program with that place for caches; returns what was kept there. */
function keptIn(place: string): string[] {
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

test('compiled code is kept in a directory that nobody else may enter', (context) => {
  const folder = emptyFolder(context)
  assert.equal(keptIn(join(folder, 'made')).length, 1)
  assert.equal(statSync(join(folder, 'made/limpet')).mode & 0o777, 0o700)
})

test('a directory that others may enter is left alone', (context) => {
  const folder = emptyFolder(context)
  mkdirSync(join(folder, 'limpet'))
  chmodSync(join(folder, 'limpet'), 0o755)
  assert.deepEqual(keptIn(folder), [])
})

test('a link to a directory is not followed', (context) => {
  const folder = emptyFolder(context)
  mkdirSync(join(folder, 'elsewhere'), { mode: 0o700 })
  symlinkSync('elsewhere', join(folder, 'limpet'))
  assert.deepEqual(keptIn(folder), [])
})

test("somebody else's directory is left alone", {
  skip: process.getuid?.() !== 0 && 'only root can make one',
}, (context) => {
  const folder = emptyFolder(context)
  mkdirSync(join(folder, 'limpet'), { mode: 0o700 })
  chownSync(join(folder, 'limpet'), 12_345, 12_345)
  assert.deepEqual(keptIn(folder), [])
})

test('where nothing can be kept, nothing is said of it', () => {
  assert.deepEqual(keptIn('/proc/nowhere'), [])
  assert.deepEqual(keptIn('/dev/null'), [])
})
