import type { ComponentChildren } from 'preact'
import type { ApiError } from '../state/api.ts'

/** What stands where there is nothing to show, and why. */
export function Empty({ title, children }: { readonly title: string; readonly children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="title">{title}</p>
      {children !== undefined && <p>{children}</p>}
    </div>
  )
}

/** What stands there until the first answer, or where it could not be had. */
export function Waiting({ error }: { readonly error?: ApiError | undefined }) {
  if (error !== undefined) return <Empty title={error.title}>{error.message}</Empty>
  return (
    <div class="empty" aria-busy="true">
      <span class="spinner" aria-hidden="true" />
      <p>Loading</p>
    </div>
  )
}
