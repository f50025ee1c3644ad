/** What npm publishes, installed in an empty folder as a user would. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
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

const skip = registryAnswers() ? false : 'no npm registry answers, from which its dependencies would come'

test('the package runs the whole lab from an empty folder', { skip }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-package-'))
  t.after(() => rmSync(folder, { recursive: true }))
  npm(root, 'pack', '--pack-destination', folder)
  const [tarball] = readdirSync(folder)
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  npm(folder, 'install', `./${tarball}`)

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
