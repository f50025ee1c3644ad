import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { mediaTypeOf } from '../../runtime/media-type.ts'
import { OWN_ORIGIN_ONLY } from './own-page.ts'

/** How a file may travel, as the build has prepared it; the best first. */
const encodings = [
  { name: 'br', ending: '.br' },
  { name: 'gzip', ending: '.gz' },
] as const

interface Form {
  readonly encoding: string | undefined
  readonly content: Uint8Array<ArrayBuffer>
  readonly etag: string
}

interface BuiltFile {
  readonly type: string
  /** The best first; the last one is the file itself. */
  readonly forms: readonly Form[]
  /** Whether its name changes with its content. */
  readonly isImmutable: boolean
}

/** The files of the dashboard. They are read when they are first asked for, and then are in memory. */
export class BuiltFiles {
  readonly #folder: string
  #files: ReadonlyMap<string, BuiltFile> | undefined

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Whether the dashboard has been built. */
  get areThere(): boolean {
    return this.#known !== undefined
  }

  /** The answer for that path; undefined if there is no such file. */
  answer(path: string, headers: Headers): Response | undefined {
    const file = this.#known?.get(path === '/' ? '/index.html' : path)
    return file && answerWith(file, headers)
  }

  get #known(): ReadonlyMap<string, BuiltFile> | undefined {
    this.#files ??= filesIn(this.#folder)
    return this.#files
  }
}

/** By path; undefined if there is no such folder. */
function filesIn(folder: string): ReadonlyMap<string, BuiltFile> | undefined {
  let names: string[]
  try {
    names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  } catch {
    return undefined
  }
  if (!names.includes('index.html')) return undefined
  return new Map(
    names.flatMap((name) => {
      const type = mediaTypeOf(name)
      if (type === undefined) return []
      const path = `/${name.replaceAll('\\', '/')}`
      const compressed = encodings
        .filter(({ ending }) => names.includes(name + ending))
        .map(({ name: encoding, ending }) => formOf(join(folder, name + ending), encoding))
      const forms = [...compressed, formOf(join(folder, name), undefined)]
      return [[path, { type, forms, isImmutable: path.startsWith('/assets/') }] as const]
    }),
  )
}

function formOf(file: string, encoding: string | undefined): Form {
  const content = new Uint8Array(readFileSync(file))
  return { encoding, content, etag: `"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"` }
}

function answerWith({ type, forms, isImmutable }: BuiltFile, headers: Headers): Response {
  const accepted = headers.get('Accept-Encoding') ?? ''
  const { encoding, content, etag } = forms.find(
    (form) => form.encoding === undefined || accepts(accepted, form.encoding),
  )!
  const known = headers.get('If-None-Match') ?? ''
  const isKnown = known.trim() === '*' || known.includes(etag)
  return new Response(isKnown ? null : content, {
    status: isKnown ? 304 : 200,
    headers: {
      ...OWN_ORIGIN_ONLY,
      'Content-Type': type,
      ETag: etag,
      Vary: 'Accept-Encoding',
      'Cache-Control': isImmutable ? 'public, max-age=31536000, immutable' : 'no-cache',
      ...(encoding !== undefined && { 'Content-Encoding': encoding }),
    },
  })
}

/** Whether an Accept-Encoding header names a coding with a weight above 0. */
function accepts(header: string, coding: string): boolean {
  return header.split(',').some((part) => {
    const [name = '', weight] = part.split(';').map((piece) => piece.trim().toLowerCase())
    return name === coding && !/^q=0(?:\.0*)?$/.test(weight ?? '')
  })
}
