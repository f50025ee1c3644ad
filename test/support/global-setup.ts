/**
 * What all test processes of `npm test` share. There are hundreds of them, and they start Limpet hundreds of times: a cache
 * of compiled code, and the program built as npm publishes it, which starts with half of the work that a checkout takes.
 * A test file that is run by itself starts the checkout.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Programs that tests run in temporary folders leave files in the cache that nothing uses again. */
const MOST_FILES = 10_000

const root = fileURLToPath(new URL('../..', import.meta.url))
let program: string

export function globalSetup(): void {
  process.env.NODE_COMPILE_CACHE = compileCache()
  program = builtProgram()
  process.env.LIMPET_TEST_PROGRAM = join(program, 'bin/limpet.js')
}

export function globalTeardown(): void {
  rmSync(program, { recursive: true })
}

function compileCache(): string {
  const folder = join(root, 'node_modules/.cache/tests')
  if (existsSync(folder) && readdirSync(folder, { recursive: true }).length > MOST_FILES)
    rmSync(folder, { recursive: true })
  return folder
}

/** Builds the program in a folder of its own, so that nothing else that builds it meanwhile replaces it. */
function builtProgram(): string {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-built-'))
  // Tests also start it as other users.
  chmodSync(folder, 0o755)
  cpSync(join(root, 'bin'), join(folder, 'bin'), { recursive: true })
  cpSync(join(root, 'package.json'), join(folder, 'package.json'))
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  execFileSync(process.execPath, [join(root, 'scripts/build.ts'), join(folder, 'dist')], { stdio: 'inherit' })
  return folder
}
