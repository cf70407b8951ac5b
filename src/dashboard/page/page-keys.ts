import { go, place } from "./navigation.ts";

/** Keys that work wherever one is: `/` searches, Escape leads back. */
export function listenToKeys(): void {
  document.addEventListener("keydown", (event) => {
    const { target, key, ctrlKey, metaKey, altKey } = event;
    if (ctrlKey || metaKey || altKey) return;
    if (target instanceof Element && target.closest("dialog")) return;
    const search = document.querySelector<HTMLInputElement>('input[type="search"]');
    if (key === "/" && !(target instanceof HTMLInputElement)) {
      event.preventDefault();
      search?.focus();
      search?.select();
    } else if (key === "Escape" && target === search) {
      go({ query: "" }, { push: false });
      search?.blur();
    } else if (key === "Escape" && place.value.service !== "") {
      go({ view: "services", service: "", shard: "" });
    }
  });
}
