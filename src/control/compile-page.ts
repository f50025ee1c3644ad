import type { PageBody, PageSettings } from '../runtime/filter-settings.ts'
import { mediaTypeOf } from '../runtime/media-type.ts'

/** A page in the configuration: its text, or its file. */
interface ConfiguredPage {
  readonly body?: string
  readonly file?: string
  readonly contentType?: string
}

export function compilePage(page: ConfiguredPage): PageSettings {
  return { contentType: page.contentType ?? contentTypeOf(page.file) ?? 'text/html; charset=utf-8', body: bodyOf(page) }
}

export function bodyOf({ body = '', file }: ConfiguredPage): PageBody {
  return file === undefined ? Buffer.from(body) : { file }
}

/** By the name of the file; undefined if that says nothing. */
export function contentTypeOf(file: string | undefined): string | undefined {
  return file === undefined ? undefined : mediaTypeOf(file)
}
