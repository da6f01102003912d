"""Result -> page or file: the only room that draws, words and rounds."""
