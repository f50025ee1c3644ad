import { execFile } from 'node:child_process'
import { cp, mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))

/** A copy of Limpet to measure, so that edits in the checkout do not affect a running measurement. */
export interface Checkout {
  readonly folder: string
  /** The commit. */
  readonly version: string
}

/** Copies the current state of Limpet. */
export async function copyCheckout(folder: string): Promise<Checkout> {
  await prepare(folder)
  for (const part of ['bin', 'src', 'package.json']) await cp(join(root, part), join(folder, part), { recursive: true })
  return { folder, version: await describe([]) }
}

const built = new Map<string, Promise<string>>()

/** Builds the npm package of Limpet in the folder, once per folder. Resolves to the folder. */
export function buildOnce(folder: string): Promise<string> {
  const building = built.get(folder) ?? build(folder)
  built.set(folder, building)
  return building
}

async function build(folder: string): Promise<string> {
  await run('npm', ['run', 'build'], { cwd: root })
  await prepare(folder)
  for (const part of ['bin', 'dist', 'package.json'])
    await cp(join(root, part), join(folder, part), { recursive: true })
  return folder
}

/** Extracts Limpet at a commit. @throws Error if there is no such commit */
export async function extractCommit(commit: string, folder: string): Promise<Checkout> {
  await prepare(folder)
  const archive = `${folder}.tar`
  await run('git', ['-C', root, 'archive', `--output=${archive}`, commit, '--', 'bin', 'src', 'package.json'])
  await run('tar', ['-x', '-f', archive, '-C', folder])
  return { folder, version: await describe([commit]) }
}

async function prepare(folder: string): Promise<void> {
  await mkdir(folder)
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
}

/** The name of a commit. Without one, the current commit, and whether files differ from it. */
export async function describe(commit: readonly string[]): Promise<string> {
  try {
    const which = commit.length > 0 ? commit : ['--dirty=, changed']
    const { stdout } = await run('git', ['--no-optional-locks', '-C', root, 'describe', '--always', ...which])
    return stdout.trim()
  } catch {
    return 'of an unknown commit'
  }
}
