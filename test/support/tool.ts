import { spawn, spawnSync } from 'node:child_process'
import { text } from 'node:stream/consumers'

/** Why a test that needs this program is skipped; false if the program is there. */
export function missing(program: string, debianPackage = program): string | false {
  const { error } = spawnSync(program, ['--version'])
  return error === undefined ? false : `${program} is not installed (apt-get install ${debianPackage})`
}

/** Runs a program to its end. */
export async function run(program: string, args: readonly string[], input = '') {
  const child = spawn(program, args)
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  const [stdout, stderr, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((resolve) => child.on('close', resolve)),
  ])
  return { stdout, stderr, code }
}
