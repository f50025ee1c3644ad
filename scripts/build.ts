/** Makes what npm publishes: the sources as JavaScript in dist/, and the files that they read beside them. */
import { execFileSync } from 'node:child_process'
import { cpSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

rmSync(`${root}dist`, { recursive: true, force: true })
execFileSync('tsc', ['--project', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' })
cpSync(`${root}demo/static/public`, `${root}dist/demo/static/public`, { recursive: true })
cpSync(`${root}package.json`, `${root}dist/package.json`)
