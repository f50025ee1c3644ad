import { readFileSync } from 'node:fs'
import { packageFile } from './program-files.ts'

/** The program's version and description, from package.json. */
export const { version, description } = JSON.parse(readFileSync(packageFile, 'utf8')) as {
  readonly version: string
  readonly description: string
}
