# Included by the root CMakeLists.txt, so that paths keep their folders: <build>/lib/.../qt-scripted-modules/SpineLib/...,
# .../Resources/... beside the modules. Lists are explicit: a file that is not named here is missing from the package.
# After files came or went: python Testing/house/files.py

set(SPINELIB_SCRIPTS
  SpineLib/__init__.py
  SpineLib/__main__.py
  SpineLib/cli/__init__.py
  SpineLib/client/folders.py
  SpineLib/client/processes.py
  SpineLib/client/protocol.py
  SpineLib/client/redaction.py
  SpineLib/errors.py
  SpineLib/models/__init__.py
  SpineLib/models/bundle.py
  SpineLib/models/card.py
  SpineLib/models/catalogue.py
  SpineLib/networks/__init__.py
  SpineLib/networks/unet.py
  SpineLib/progress.py
  SpineLib/training/__init__.py
  SpineLib/training/losses.py
  SpineLib/volume/__init__.py
  SpineLib/volume/volume.py
  )

set(SPINELIB_RESOURCES
  )

slicerMacroBuildScriptedModule(
  NAME SpineLib
  SCRIPTS ${SPINELIB_SCRIPTS}
  RESOURCES ${SPINELIB_RESOURCES}
  )
