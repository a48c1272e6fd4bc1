// Takes files that are dropped anywhere on the page, and says what is wrong with what is none.

const HOVERED = "drop-offered";

/** The file that was dropped or chosen last, and what there is to say of it. */
export class RecordingDrops {
  /** @type {File | null} */
  file = null;
  said = "";
  #onGiven;
  #isOwn = false;

  /**
   * @param {() => void} onGiven Called when there is a new file, or something to say.
   */
  constructor(onGiven) {
    this.#onGiven = onGiven;
    addEventListener("dragstart", () => (this.#isOwn = true));
    addEventListener("dragend", () => (this.#isOwn = false));
    addEventListener("dragenter", (event) => this.#offer(event));
    addEventListener("dragover", (event) => this.#offer(event));
    addEventListener("dragleave", (event) => event.relatedTarget ?? this.#hover(false));
    addEventListener("drop", (event) => this.#drop(event));
  }

  /** Take a file. */
  give(file, said = "") {
    this.file = file;
    this.said = said;
    this.#onGiven();
  }

  #offer(event) {
    if (!this.#takes(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    this.#hover(true);
  }

  /** Whether what is dragged is for this: text goes where it can be written, what is the page's own nowhere. */
  #takes(event) {
    if (event.dataTransfer?.types.includes("Files")) return true;
    return !this.#isOwn && !event.target?.closest?.("input, textarea");
  }

  #drop(event) {
    this.#hover(false);
    if (!this.#takes(event)) return;
    event.preventDefault();
    const { files, items } = event.dataTransfer;
    const isFolder = [...items].some((item) => item.webkitGetAsEntry?.()?.isDirectory);
    if (isFolder) this.give(null, "That is a folder: open it, and drop one of its files (.jsonl).");
    else if (files.length > 1) {
      const words = `${files.length} files were dropped: this is the first, ${files[0].name}. Drop one at a time.`;
      this.give(files[0], words);
    } else if (files.length === 1) this.give(files[0]);
    else this.give(null, "That is a text or a link, and no file: save the recording as a file, and drop that.");
  }

  #hover(isOffered) {
    document.documentElement.classList.toggle(HOVERED, isOffered);
  }
}
